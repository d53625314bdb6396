"""What is measured at which sizes, and for how long: every table's numbers in one place."""

from collections.abc import Mapping
from types import MappingProxyType

Dims = Mapping[str, int]

STEPS = 16
"""T, wherever P is varied."""
GROWING = 330
"""P, where T is varied."""
LENGTHS = (4, 16, 64, 256)
QUICK = (330, 5_630)
"""Those P that ``--quick`` measures."""
MOST_FOR_SLOW = 5_630
"""P for those that take the loss at least once a parameter: seconds there, minutes beyond."""
ROUGH = 5_630
"""From here on, slow checkers are timed a few times only."""

DIMS: Mapping[str, Mapping[int, Dims]] = MappingProxyType(
    {
        "char_rnn": {
            60: {"V": 4, "H": 4},
            330: {"V": 10, "H": 10},
            5_630: {"V": 30, "H": 50},
            50_000: {"V": 81, "H": 156},
            500_000: {"V": 345, "H": 441},
        },
        "lstm": {
            60: {"B": 1, "D": 4, "H": 2},
            330: {"B": 1, "D": 10, "H": 5},
            5_630: {"B": 2, "D": 10, "H": 32},
            50_000: {"B": 2, "D": 23, "H": 100},
            500_000: {"B": 2, "D": 248, "H": 250},
        },
    }
)
"""Sizes that make P, the numbers in weights and initial states, what is asked for, or nearly.

No char_rnn has just 50,000 or 500,000: 4 P + 3 would have to be a multiple of 2 H + 1. An lstm has
5,630 at H = 5 only.
"""

OVERHEAD_CASES = 200
"""That are generated; of each size P there is one."""
OVERHEAD_SIZES = (330, 5_630, 50_000)
DETECTION_CASES = 8
FALSE_ALARM_CASES = 10_000
FALSE_ALARM_SEED = 21
LONG_RUN_CASES = 100_000
LONG_RUN_EVERY = 10_000

SECONDS = 2.0
"""That the rounds of one timing take, where a call is quick."""
SECONDS_QUICK = 0.2
MOST_ROUNDS = 2_000
