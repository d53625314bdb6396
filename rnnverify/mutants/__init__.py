"""The catalogue: bugs that people make in backpropagation through time, one file a system."""

from collections.abc import Mapping
from types import MappingProxyType

from rnnverify.mutants import (
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
from rnnverify.mutants.mutant import Mutant

_MODULES = (
    char_rnn,
    binary_adder,
    rtrbm,
    rtrbm_cd,
    werbos,
    elman,
    elman_relu,
    lstm,
    gru,
    gru_reset_before,
)
CATALOGUE: Mapping[str, tuple[Mutant, ...]] = MappingProxyType(
    {module.__name__.rpartition(".")[2]: module.MUTANTS for module in _MODULES}
)
"""The mutants of each built-in system, by its name."""
