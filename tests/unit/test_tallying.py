"""Tallies of very many cases stay small."""

import tracemalloc

from rnnverify.builtin import CHAR_RNN
from rnnverify.checker import check
from rnnverify.tallying import Tally
from tests.support import char_rnn_case

TIMES = 5_000
NUMBERS = 2 * 8 * 6 * TIMES
"""Bytes of two figures for each of six gradients, which medians are taken of."""


def test_a_case_costs_no_more_than_its_digits() -> None:
    """What is kept of a case that matches is two numbers a gradient, however many there are."""
    verdict = check(char_rnn_case(T=3, V=2, H=2), CHAR_RNN.gradients)
    tally = Tally(CHAR_RNN.dims)
    tally.add(verdict)
    tracemalloc.start()
    for _ in range(TIMES):
        tally.add(verdict)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert tally.cases == TIMES + 1
    assert kept < 1.5 * NUMBERS
