"""Estimators of known means, and samples that are hard to judge."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binom

from rnnverify.records import Array
from rnnverify.statistics import StochasticVerdict
from rnnverify.statistics.expectations import Estimator
from rnnverify.statistics.judging import Question, judge
from rnnverify.statistics.moments import Moments

WANT = {"W": np.array([[0.1, -0.2, 0.3], [0.0, 0.5, -0.1]]), "b": np.array([0.4, 0.05])}
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


def noisy(random: np.random.Generator) -> dict[str, Any]:
    """Return a right estimate: normal noise in W, coins in b."""
    return {
        "W": WANT["W"] + random.normal(0, 0.1, (2, 3)),
        "b": 1.0 * (random.random(2) < WANT["b"]),
    }


def biased(name: str, index: tuple[int, ...], bias: float) -> Estimator:
    """Return an estimator of which one entry is off on average."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        returned = noisy(random)
        returned[name][index] += bias
        return returned

    return estimator


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw independent normal entries."""
    return random.standard_normal(shape)


def correlated(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw normal entries that share most of their noise."""
    return random.standard_normal((*shape[:-1], 1)) + 0.3 * random.standard_normal(shape)


def skewed(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw bits that are on once in twenty runs, less their mean."""
    return (random.random(shape) < 0.05) - 0.05


def sparse(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw entries that are rarely anything, and then sometimes large, less their mean."""
    large = np.where(random.random(shape) < 0.2, 10.0, -1.0)
    return np.where(random.random(shape) < 0.02, large, 0.0) - 0.02 * (0.2 * 10 - 0.8)


def part(moments: Moments, index: Any) -> Moments:
    """Return the moments of some entries."""
    taken = Moments(moments.first[index].shape)
    taken.runs, taken.sums = moments.runs, moments.sums[(slice(None), index)]
    taken.first, taken.low, taken.high = (
        each[index] for each in (moments.first, moments.low, moments.high)
    )
    return taken


def verdicts(
    draw: Draw, *, bias: float = 0.0, runs: int = 500, entries: int = 10, repetitions: int = 1000
) -> list[StochasticVerdict]:
    """Judge entries of mean zero many times over, the first of which may be off."""
    random = np.random.default_rng(7)
    off = np.eye(1, entries)[0] * bias
    moments = Moments((repetitions, entries))
    for _ in range(runs):
        moments.add(draw(random, (repetitions, entries)) + off)
    question = Question({"W": np.zeros(entries)}, alarm_rate=0.05, power=0.9)
    return [judge(question, {"W": part(moments, i)}) for i in range(repetitions)]


def wrong(found: list[StochasticVerdict]) -> int:
    """Count how many verdicts accuse."""
    return sum(each.kind == "wrong" for each in found)


def bounds(repetitions: int, rate: float) -> tuple[int, int]:
    """Return what a count lies between in all but one of a thousand times."""
    low, high = binom.interval(0.999, repetitions, rate)
    return int(low), int(high)
