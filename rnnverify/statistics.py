"""check_expectation: whether a stochastic gradient has the mean that it should have.

Contrastive divergence, dropout, REINFORCE and minibatches give another gradient in every call. What
can be checked is the mean of many runs, entry by entry, with a t test. Three traits of gradients
would make plain t tests accuse correct code, and each has its remedy:

- There are many entries. Each is tested at Šidák's (1967) level, so that together they raise a
  false alarm at the stated rate: exactly where they are independent and normal, else less often.
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
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]  # SciPy has no types

from rnnverify.comparing import UNDERFLOW, structured
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.records import Array

Estimator = Callable[[np.random.Generator], Mapping[str, Any]]
"""Stochastic gradient code under test: takes a generator, returns gradients by array name."""
StochasticKind = Literal["match", "inconclusive", "wrong", "nonfinite", "invalid"]

FEWEST_RUNS = 100
ENOUGH = 30
"""From how many runs that count a t statistic is used. They are n over the kurtosis: all n runs of
a fair coin, but only k where an entry is ±1 in k runs and else 0."""
ROUNDING = 64
"""How many roundings of what is expected a mean may be off by."""


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
    contrastive divergence, must start afresh in each call. Values far larger than all others, and
    so rare that no run shows them, are taken not to exist.

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
    _require(runs, alarm_rate, power)
    question = Question(_expectation(expectation), alarm_rate, power)
    moments = {name: Moments(want.shape) for name, want in question.expectation.items()}
    random = _generator(seed)
    for run in range(1, runs + 1):
        try:
            gradients = _gradients(estimator, random, question.expectation)
        except InvalidGradientsError as error:
            message = f"in run {run:,}, {error}"
            return question.verdict("invalid", runs=run, message=message, traceback=error.traceback)
        if not all(np.all(np.isfinite(array)) for array in gradients.values()):
            return _nonfinite(question, run, gradients)
        for name, array in gradients.items():
            moments[name].add(array)
    return judge(question, moments)


def _require(runs: Any, alarm_rate: Any, power: Any) -> None:
    """Raise if a number is not as ``check_expectation`` describes it."""
    if not (isinstance(runs, int | np.integer) and runs >= FEWEST_RUNS):
        message = f"runs: got {runs!r}, but must be a whole number of at least {FEWEST_RUNS}"
        raise UsageError(message)
    if not 0 < alarm_rate < 1:
        message = f"alarm_rate: got {alarm_rate!r}, but must be a probability between 0 and 1"
        raise UsageError(message)
    if not 0.5 <= power < 1:  # noqa: PLR2004 - what is missed more often than found is not found
        message = f"power: got {power!r}, but must be a probability of at least 0.5, and below 1"
        raise UsageError(message)


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
    """What an estimator is asked."""

    expectation: Mapping[str, Array]
    alarm_rate: float
    power: float

    @property
    def entries(self) -> int:
        """How many there are in all gradients together."""
        return sum(want.size for want in self.expectation.values())

    @property
    def level(self) -> float:
        """The alarm rate of each entry that makes ``alarm_rate`` that of all (Šidák 1967)."""
        return float(-np.expm1(np.log1p(-self.alarm_rate) / self.entries))

    def verdict(self, kind: StochasticKind, **found: Any) -> StochasticVerdict:
        """Return a verdict, what was asked being filled in."""
        return StochasticVerdict(
            kind=kind,
            entries=self.entries,
            alarm_rate=self.alarm_rate,
            power=self.power,
            **found,
        )


def _gradients(
    estimator: Estimator, random: np.random.Generator, expectation: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the gradients of one run, those of which something is expected."""
    try:
        with np.errstate(all="ignore"):
            returned: Any = estimator(random)
            returned = {**returned} if hasattr(returned, "keys") else returned
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raised = "".join(traceback.format_exception_only(error)).strip()
        frames = error.__traceback__ and error.__traceback__.tb_next
        text = "".join(traceback.format_exception(type(error), error, frames))
        message = f"the candidate raised {raised}"
        raise InvalidGradientsError(message, traceback=text) from error
    gradients = structured(returned, {n: w.shape for n, w in expectation.items()}, [*expectation])
    return {name: gradients[name] for name in expectation}


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


class Judged(NamedTuple):
    """The entries of a gradient, judged; see ``StochasticVerdict`` for the names.

    ``excess`` is the error of each mean as a multiple of what is allowed.
    """

    mean: Array
    want: Array
    standard_error: Array
    z: Array
    threshold: Array
    excess: Array
    detectable: Array
    unjudged: Array

    @property
    def blind(self) -> bool:
        """Whether a match would say too little: nothing about some entry, or little about most."""
        unknown = self.unjudged & np.isinf(self.detectable)
        return bool(np.any(unknown) or 2 * np.sum(self.unjudged) > self.want.size)

    def at(self, index: tuple[int, ...]) -> dict[str, float]:
        """Return what a verdict says of one entry."""
        names = ("mean", "want", "standard_error", "z", "threshold")
        return {name: float(getattr(self, name)[index]) for name in names}


def _judged(question: Question, want: Array, moments: Moments) -> Judged:
    """Compare the mean of each entry of a gradient with what is expected of it."""
    spread = moments.spread()
    normal = float(-stdtrit(moments.runs - 1, question.level / 2))
    rounding = _rounding(moments, want)
    unseen = _bernstein(question, moments, spread) / normal
    standard_error = np.where(spread.counted >= ENOUGH, np.sqrt(spread.variance), unseen)
    standard_error = np.maximum(standard_error, rounding / normal)
    lower, upper = _thresholds(normal, spread)
    error = spread.mean - want
    threshold = np.where(error < 0, lower, upper)
    detectable = np.asarray((np.maximum(lower, upper) + ndtri(question.power)) * standard_error)
    return Judged(
        mean=spread.mean,
        want=want,
        standard_error=standard_error,
        z=error / standard_error,
        threshold=threshold,
        excess=np.nan_to_num(np.abs(error) / (threshold * standard_error)),
        detectable=detectable,
        unjudged=(detectable >= (np.abs(want).max() or np.inf)) & (np.abs(error) > rounding),
    )


def _thresholds(normal: float, spread: Spread) -> tuple[Array, Array]:
    """Return how many standard errors a mean may be too small, and too large.

    The statistic that is normal is Hall's (1992) cubic of the t statistic, where that allows more
    than the t statistic itself. Here the cubic is solved for the latter.
    """
    skew = np.where(spread.counted >= ENOUGH, spread.skewness, 0.0)
    skew = np.where(np.abs(skew) < 1e-6, 1e-6, skew)  # noqa: PLR2004 - no difference, no 0 / 0
    low, high = (3 / skew * (np.cbrt(1 + skew * (z - skew / 6)) - 1) for z in (-normal, normal))
    return np.maximum(normal, -low), np.maximum(normal, high)


def _bernstein(question: Question, moments: Moments, spread: Spread) -> Array:
    """Return how far off a mean may be whose values have the widest range of its gradient.

    Maurer and Pontil (2009, theorem 4), on both sides; infinite where no entry varies, or where the
    variance is not to be had.
    """
    doubt = np.log(4 / question.level)
    widest = float(np.max(moments.high - moments.low))
    if not widest > UNDERFLOW[np.dtype(np.float64)]:
        widest = np.inf
    far = np.sqrt(2 * spread.variance * doubt) + 7 * widest * doubt / (3 * (moments.runs - 1))
    return np.asarray(np.nan_to_num(far, nan=np.inf, posinf=np.inf))


def _rounding(moments: Moments, want: Array) -> Array:
    """Return how far off rounding may take a mean: in float32, if that holds all values seen."""
    values = np.array([moments.low, moments.high])
    single = np.all(values == values.astype(np.float32))
    return np.asarray(ROUNDING * (2.0**-24 if single else 2.0**-53) * np.abs(want))


def judge(question: Question, moments: Mapping[str, Moments]) -> StochasticVerdict:
    """Compare the means of all gradients with what is expected of them."""
    wanted = {name: want for name, want in question.expectation.items() if want.size}
    with np.errstate(all="ignore"):
        judged = {name: _judged(question, want, moments[name]) for name, want in wanted.items()}
    kind: StochasticKind = "match"
    name = max(judged, key=lambda name: float(judged[name].excess.max()))
    where = judged[name].excess
    blind = [name for name, each in judged.items() if each.blind]
    if where.max() > 1:
        kind = "wrong"
    elif blind:
        kind, name = "inconclusive", blind[0]
        where = judged[name].unjudged
    index = _first(where)
    unjudged = sum(int(each.unjudged.sum()) for each in judged.values())
    runs = moments[name].runs
    return question.verdict(
        kind,
        gradient=name,
        index=index,
        runs=runs,
        unjudged=unjudged,
        detectable={name: each.detectable for name, each in judged.items()},
        message=_MESSAGES[kind](_entry(name, index), judged[name].at(index), f"{runs:,} runs"),
        **judged[name].at(index),
    )


def _first(where: Array) -> tuple[int, ...]:
    """Return the index of the first largest entry."""
    return tuple(int(i) for i in np.unravel_index(int(where.argmax()), where.shape))


def _entry(name: str, index: tuple[int, ...]) -> str:
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


_MESSAGES = {"match": _match, "wrong": _wrong, "inconclusive": _inconclusive}


def _digits(value: float, error: float) -> str:
    """Write a number to the second digit of its error."""
    first = math.floor(math.log10(max(abs(value), error)))
    return f"{value:.{min(first - math.floor(math.log10(error)) + 2, 17)}g}"


def _nonfinite(question: Question, run: int, gradients: Mapping[str, Array]) -> StochasticVerdict:
    bad = {name: ~np.isfinite(array) for name, array in gradients.items()}
    name = next(name for name in bad if bad[name].any())
    index = _first(bad[name])
    got, want = float(gradients[name][index]), float(question.expectation[name][index])
    message = f"{_entry(name, index)} was {got} in run {run:,}, but {want:.6g} is expected"
    return question.verdict(
        "nonfinite", gradient=name, index=index, mean=got, want=want, runs=run, message=message
    )
