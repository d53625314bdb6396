"""A second implementation of every system's gradients, as people write them: step by step.

It differs from the models wherever correct code may: one sequence of a batch after the other, outer
products that are added up, other orders of sums, other forms of σ and of the slopes, gates one by
one where the models stack them, and stacked where they do not. None of it is written for speed.
"""

from rnnverify.records import Candidate
from tests.loops.layers import (
    elman_loops,
    elman_relu_loops,
    elman_truncated_loops,
    gru_loops,
    gru_reset_before_loops,
    lstm_loops,
)
from tests.loops.papers import (
    binary_adder_loops,
    char_rnn_loops,
    char_rnn_truncated_loops,
    rtrbm_cd_loops,
    rtrbm_loops,
    werbos_loops,
)

LOOPS: dict[str, Candidate] = {
    "char_rnn": char_rnn_loops,
    "binary_adder": binary_adder_loops,
    "rtrbm": rtrbm_loops,
    "rtrbm_cd": rtrbm_cd_loops,
    "werbos": werbos_loops,
    "elman": elman_loops,
    "elman_relu": elman_relu_loops,
    "lstm": lstm_loops,
    "gru": gru_loops,
    "gru_reset_before": gru_reset_before_loops,
}
"""By system."""
TRUNCATED_LOOPS: dict[str, Candidate] = {
    "char_rnn": char_rnn_truncated_loops,
    "elman": elman_truncated_loops,
}
"""By system: those that go back as far as the case's truncation says."""
