"""check_expectation: whether a stochastic gradient has the mean that it should have.

Contrastive divergence, dropout, REINFORCE and minibatches give another gradient in every call. What
can be checked is the mean of many runs, entry by entry, with a t test. Three traits of gradients
would make plain t tests accuse correct code, and each has its remedy:

- There are many entries. Each is tested at Šidák's (1967) level, so that together they raise a
  false alarm at the stated rate: exactly where entries are independent, and else less often.
- Entries are skewed, such as a bit that is seldom on. Where Hall's (1992) transformation of the t
  statistic asks for it, more standard errors are allowed.
- Entries are rare, up to never varying. No test keeps its level whatever may have gone unseen
  (Bahadur and Savage 1956), so something must be assumed: that the values of such an entry lie no
  further apart than the widest seen in its gradient. Then the empirical Bernstein bound of Maurer
  and Pontil (2009, theorem 4) holds, and takes the place of the standard error.
"""

import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]  # SciPy has no types

from rnnverify.comparing import structured
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.records import Array

Estimator = Callable[[np.random.Generator], Mapping[str, Any]]
"""Stochastic gradient code under test: takes a generator, returns gradients by array name."""
StochasticKind = Literal["match", "inconclusive", "wrong", "nonfinite", "invalid"]

FEWEST_RUNS = 100
ENOUGH = 30
"""From how many runs that count a t statistic is used. All n runs of a fair coin count, and k of n
where an entry is ±1 in k runs and else 0: n over the kurtosis."""
ROUNDING = 64
"""How many roundings of the largest value seen a mean may be off by."""


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
        detectable: That size, for each entry of each gradient.
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


def check_expectation(
    estimator: Estimator,
    expectation: Mapping[str, Any],
    *,
    runs: int = 10_000,
    alarm_rate: float = 1e-3,
    power: float = 0.9,
    seed: int = 0,
) -> StochasticVerdict:
    """Check that a stochastic gradient is right on average, entry by entry.

    The runs must be independent: an estimator that keeps a state, such as the chains of persistent
    contrastive divergence, must start afresh in each call.

    Args:
        estimator: Takes a NumPy random generator, returns a mapping from array names to gradients;
            a ``"loss"`` may be among them, and is not looked at.
        expectation: Its exact mean: finite real arrays, by the same names.
        runs: How often to call it, at least 100. Four times the runs halve what is detectable.
        alarm_rate: The probability of calling a correct estimator wrong, over all entries.
        power: The probability with which a bias as large as ``detectable`` is to be found.
        seed: The same seed gives the same verdict.

    Returns:
        The verdict, with the bias that would have been found in each entry.

    Raises:
        UsageError: if an argument is not as described here.
    """
    if not (isinstance(runs, Integral) and runs >= FEWEST_RUNS):
        message = f"runs: got {runs!r}, but must be a whole number of at least {FEWEST_RUNS}"
        raise UsageError(message)
    if not 0 < alarm_rate < 1:
        message = f"alarm_rate: got {alarm_rate!r}, but must be a probability between 0 and 1"
        raise UsageError(message)
    if not 0.5 <= power < 1:  # noqa: PLR2004 - what is missed more often than found is not found
        message = f"power: got {power!r}, but must be a probability of at least 0.5, and below 1"
        raise UsageError(message)
    question = Question(_expectation(expectation), int(runs), alarm_rate, power)
    return _ask(question, estimator, _generator(seed))


def _expectation(given: Any) -> dict[str, Array]:
    """Return an expectation as float64 arrays, if it can be one."""
    if not isinstance(given, Mapping):
        message = (
            f"expectation: got a {type(given).__name__}, but must be a mapping from array names "
            "to the mean gradients"
        )
        raise UsageError(message)
    arrays = {name: np.asarray(value) for name, value in given.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" or not np.all(np.isfinite(array)):
            message = f"expectation: {name!r} is {given[name]!r}, but must hold finite real numbers"
            raise UsageError(message)
    if not any(array.size for array in arrays.values()):
        message = f"expectation: got {given!r}, but must have at least one entry"
        raise UsageError(message)
    return {name: array.astype(np.float64) for name, array in arrays.items()}


def _generator(seed: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        message = f"seed: got {seed!r}, but must be a whole number that is not negative"
        raise UsageError(message) from error


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of an estimator.

    All entries lie in one row, each in units of about the largest that is expected of its gradient,
    so that powers of them stay within what float64 holds.
    """

    expectation: Mapping[str, Array]
    runs: int
    alarm_rate: float
    power: float

    @cached_property
    def gradient_of(self) -> Array:
        """Which gradient each entry belongs to, counted from 0."""
        return np.repeat(np.arange(len(self.expectation)), self._sizes)

    @property
    def _sizes(self) -> list[int]:
        return [array.size for array in self.expectation.values()]

    @cached_property
    def units(self) -> Array:
        largest = self.largest(_row(self.expectation, self.expectation))
        return np.where(largest > 0, np.ldexp(1.0, np.frexp(largest)[1] - 1), 1.0)

    @cached_property
    def want(self) -> Array:
        return self.row(self.expectation)

    @property
    def level(self) -> float:
        """The alarm rate of each entry that makes up ``alarm_rate`` for all of them."""
        return float(-np.expm1(np.log1p(-self.alarm_rate) / self.want.size))

    @cached_property
    def threshold(self) -> float:
        """How many standard errors the mean of normal values may be off by: Student's."""
        return float(-stdtrit(self.runs - 1, self.level / 2))

    def row(self, gradients: Mapping[str, Array]) -> Array:
        return _row(self.expectation, gradients) / self.units

    def arrays(self, row: Array) -> dict[str, Array]:
        parts = np.split(row * self.units, np.cumsum(self._sizes)[:-1])
        wanted = self.expectation.items()
        return {n: part.reshape(w.shape) for (n, w), part in zip(wanted, parts, strict=True)}

    def place(self, position: int) -> tuple[str, tuple[int, ...]]:
        """Return the name and the index of an entry."""
        number = self.gradient_of[position]
        name = list(self.expectation)[number]
        offset = position - sum(self._sizes[:number])
        index = np.unravel_index(offset, self.expectation[name].shape)
        return name, tuple(int(i) for i in index)

    def largest(self, row: Array) -> Array:
        """Return, for each entry, the largest magnitude in its gradient."""
        found = np.zeros(len(self.expectation))
        np.maximum.at(found, self.gradient_of, np.abs(row))
        return found[self.gradient_of]

    def share(self, row: Array) -> Array:
        """Return, for each entry, the share of its gradient's entries for which a row is true."""
        count = np.bincount(self.gradient_of, row, len(self.expectation))
        return (count / np.maximum(self._sizes, 1))[self.gradient_of]


def _row(names: Mapping[str, Array], gradients: Mapping[str, Array]) -> Array:
    return np.concatenate([gradients[name].ravel() for name in names])


class Moments:
    """Sums of the first four powers of each entry over the runs so far, without the runs.

    They are taken about the first run, so that an entry that never varies has none.
    """

    def __init__(self, first: Array) -> None:
        self.first, self.low, self.high = first, first.copy(), first.copy()
        self.sums = np.zeros((4, first.size))
        self.runs = 0

    def add(self, row: Array) -> None:
        self.sums += np.cumprod(np.broadcast_to(row - self.first, self.sums.shape), axis=0)
        np.minimum(self.low, row, out=self.low)
        np.maximum(self.high, row, out=self.high)
        self.runs += 1

    @property
    def range(self) -> Array:
        return self.high - self.low

    @property
    def central(self) -> tuple[Array, Array, Array, Array]:
        """The mean, and the second, third and fourth moment about it."""
        a, b, c, d = self.sums / self.runs
        second = b - a**2
        third = c - 3 * a * b + 2 * a**3
        fourth = d - 4 * a * c + 6 * a**2 * b - 3 * a**4
        return self.first + a, second, third, fourth


def _ask(
    question: Question, estimator: Estimator, random: np.random.Generator
) -> StochasticVerdict:
    """Call an estimator as often as it takes, and judge its mean or what it did instead."""
    ...
