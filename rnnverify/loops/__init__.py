"""The models once more, as people write them first: each step alone, outer products, added up.

They differ from the models wherever correct code may: in the order of sums, in the form of σ and
of the slopes, in how gates are stacked. None is written for speed. Each is a candidate like any
other, and bugs that are natural only in a loop are planted here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from rnnverify.loops import (
    binary_adder,
    char_rnn,
    elman,
    elman_relu,
    gru,
    gru_reset_before,
    lstm,
    rtrbm,
    rtrbm_cd,
    werbos,
)
from rnnverify.records import Candidate

LOOPS: Mapping[str, Candidate] = MappingProxyType(
    {
        "char_rnn": char_rnn.gradients,
        "binary_adder": binary_adder.gradients,
        "rtrbm": rtrbm.gradients,
        "rtrbm_cd": rtrbm_cd.gradients,
        "werbos": werbos.gradients,
        "elman": elman.gradients,
        "elman_relu": elman_relu.gradients,
        "lstm": lstm.gradients,
        "gru": gru.gradients,
        "gru_reset_before": gru_reset_before.gradients,
    }
)
"""By system."""
