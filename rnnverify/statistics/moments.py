"""Moments of a gradient's entries over many runs, none of which but the first is kept."""

from typing import NamedTuple

import numpy as np

from rnnverify.records import Array


class Moments:
    """Sums of powers of a gradient's entries, over runs of which only the first is kept.

    The powers are of the distance to the first run, so that entries which never vary have none.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.runs = 0
        self.sums = np.zeros((4, *shape))

    def add(self, gradient: Array) -> None:
        """Take in one run."""
        if self.runs == 0:
            self.first, self.low, self.high = gradient, gradient.copy(), gradient.copy()
        self.runs += 1
        with np.errstate(all="ignore"):
            away = gradient - self.first
            square = away * away
            self.sums += [away, square, square * away, square * square]
        np.minimum(self.low, gradient, out=self.low)
        np.maximum(self.high, gradient, out=self.high)

    def spread(self) -> "Spread":
        """Return what a t test needs to know of each entry."""
        runs = self.runs
        a, b, c, d = self.sums / runs
        second = np.maximum(b - a**2, 0)
        third = c - 3 * a * b + 2 * a**3
        fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
        return Spread(
            mean=self.first + a,
            variance=second / (runs - 1),
            skewness=third / second**1.5 / np.sqrt(runs),
            counted=runs * second**2 / fourth,
        )


class Spread(NamedTuple):
    """The mean of each entry, its variance and skewness as a mean; and how many runs count."""

    mean: Array
    variance: Array
    skewness: Array
    counted: Array
