"""Verdicts on stochastic gradients, and the sentences that say them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rnnverify.records import Array

StochasticKind = Literal["match", "inconclusive", "wrong", "nonfinite", "invalid"]


@dataclass(frozen=True, eq=False, kw_only=True)
class StochasticVerdict:
    """What ``check_expectation`` found out about a stochastic gradient.

    Attributes:
        kind: ``match``; ``wrong``, a mean is off; ``inconclusive``, too little could be told;
            ``nonfinite``; ``invalid``, the estimator raised or returned something malformed.
        gradient: The array whose gradient is furthest off, for what is allowed; one that could not
            be judged, where the verdict is inconclusive; None where the estimator is invalid.
        index: The entry of ``gradient`` where that is.
        mean: The mean there; what was returned there, where that is not finite.
        want: What is expected there.
        standard_error: That of the mean there; larger where rare values may have gone unseen.
        z: The error there, in standard errors.
        threshold: How many are allowed there; more where an entry is skewed.
        runs: How often the estimator was called.
        entries: How many entries all gradients have.
        unjudged: In how many of them not even a bias as large as the largest expected entry of
            their gradient would be found.
        alarm_rate: The probability that a correct estimator is called wrong.
        power: The probability that a bias as large as ``detectable`` is found.
        detectable: That size, for each entry of each gradient. In an entry that is much skewed, the
            probability may be some hundredths less.
        message: The finding in a sentence.
        traceback: The estimator's own traceback, where it raised.
    """

    kind: StochasticKind
    gradient: str | None = None
    index: tuple[int, ...] | None = None
    mean: float | None = None
    want: float | None = None
    standard_error: float | None = None
    z: float | None = None
    threshold: float | None = None
    runs: int
    entries: int
    unjudged: int = 0
    alarm_rate: float
    power: float
    detectable: Mapping[str, Array] = field(default_factory=dict)
    message: str
    traceback: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every mean is as expected; inconclusive is not ok, but no failure either."""
        return self.kind == "match"

    @property
    def failed(self) -> bool:
        """Whether the estimator is not what it should be."""
        return self.kind not in ("match", "inconclusive")


def entry_name(name: str, index: tuple[int, ...]) -> str:
    """Return an entry of a gradient as messages write it."""
    return f"d{name}{list(index) if index else ''}"


def _match(entry: str, at: Mapping[str, float], runs: str) -> str:
    return (
        f"the mean of {runs} is as expected; furthest off is {entry}, by {abs(at['z']):.3g} "
        f"standard errors, of which {at['threshold']:.3g} are allowed"
    )


def _wrong(entry: str, at: Mapping[str, float], runs: str) -> str:
    error = at["standard_error"]
    return (
        f"{entry}: the mean of {runs} is {_digits(at['mean'], error)} ± {error:.2g}, "
        f"but {_digits(at['want'], error)} is expected "
        f"({abs(at['z']):.3g} standard errors; {at['threshold']:.3g} are allowed)"
    )


def _inconclusive(entry: str, at: Mapping[str, float], runs: str) -> str:
    error = at["standard_error"]
    if np.isinf(error):
        return (
            f"{entry}: the mean of {runs} is {at['mean']:.6g}, where {at['want']:.6g} is expected, "
            "but no entry of that gradient varied measurably, so that nothing can be told; "
            "if it is not random, compare it exactly"
        )
    return (
        f"{entry}: the mean of {runs} is {_digits(at['mean'], error)} ± {error:.2g}, so that not "
        "even a bias as large as the largest entry that is expected of this gradient would be "
        "found, here and in most of its entries; try more runs"
    )


MESSAGES = {"match": _match, "wrong": _wrong, "inconclusive": _inconclusive}


def _digits(value: float, error: float) -> str:
    """Write a number to the second digit of its error."""
    first = math.floor(math.log10(max(abs(value), error)))
    return f"{value:.{min(first - math.floor(math.log10(error)) + 2, 17)}g}"
