"""Judging means: how far off each may be, and which are further."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from rnnverify.comparing import UNDERFLOW
from rnnverify.records import Array
from rnnverify.statistics.moments import Moments, Spread
from rnnverify.statistics.verdicts import MESSAGES, StochasticKind, StochasticVerdict, entry_name

ENOUGH = 30
"""From how many runs that count a t statistic is used. All n runs of a fair coin count, and k of n
where an entry is ±1 in k runs and else 0: n over the kurtosis."""
ROUNDING = 64
"""How many roundings of what is expected a mean may be off by."""


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
    index = first(where)
    unjudged = sum(int(each.unjudged.sum()) for each in judged.values())
    runs = moments[name].runs
    return question.verdict(
        kind,
        gradient=name,
        index=index,
        runs=runs,
        unjudged=unjudged,
        detectable={name: each.detectable for name, each in judged.items()},
        message=MESSAGES[kind](entry_name(name, index), judged[name].at(index), f"{runs:,} runs"),
        **judged[name].at(index),
    )


def first(where: Array) -> tuple[int, ...]:
    """Return the index of the first largest entry."""
    return tuple(int(i) for i in np.unravel_index(int(where.argmax()), where.shape))


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
