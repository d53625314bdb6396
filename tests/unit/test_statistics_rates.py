"""Rates: how often what is right is accused, and what is wrong is found, is as stated."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from rnnverify.records import Array
from rnnverify.statistics import check_expectation, judging
from rnnverify.statistics.judging import Question
from rnnverify.statistics.moments import Moments, Spread
from tests.estimators import (
    WANT,
    Draw,
    biased,
    bounds,
    correlated,
    noisy,
    normal,
    skewed,
    sparse,
    verdicts,
    wrong,
)


def test_false_alarms_are_as_many_as_stated() -> None:
    """Of right independent normal entries, as many families are accused as ``alarm_rate`` says."""
    low, high = bounds(1000, 0.05)

    assert low <= wrong(verdicts(normal)) <= high


def test_without_the_level_of_sidak_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were each entry tested at ``alarm_rate`` itself, the count of false alarms would show it."""
    monkeypatch.setattr(Question, "level", property(lambda self: self.alarm_rate))

    assert wrong(verdicts(normal)) > bounds(1000, 0.05)[1]


@pytest.mark.parametrize("draw", [correlated, skewed, sparse])
def test_false_alarms_are_no_more_than_stated(draw: Draw) -> None:
    """Entries that depend on each other, are skewed, or rare are accused no more often."""
    assert wrong(verdicts(draw)) <= bounds(1000, 0.05)[1]


def test_with_fewer_runs_that_count_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were ten runs enough for a t test, rare entries would be accused several times as often."""
    monkeypatch.setattr(judging, "ENOUGH", 10)

    assert wrong(verdicts(sparse)) > 4 * bounds(1000, 0.05)[1]


def alarm_probability(p: float, runs: int, level: float) -> float:
    """Return the exact probability that a right bit is accused: a sum over how often it is on."""
    on = np.arange(*binom.interval(1 - 1e-3 * level, runs, p)).clip(0)
    moments = Moments(on.shape)
    moments.runs, moments.sums = runs, np.tile(on, (4, 1))
    moments.first, moments.low = np.zeros(on.shape), 1.0 * (on == runs)
    moments.high = 1.0 * (on > 0)
    moments.high[0] = 1.0  # other bits of its gradient vary, even where it does not
    wanted = np.full(on.shape, p)
    question = Question({"b": wanted}, float(-np.expm1(on.size * np.log1p(-level))), 0.9)
    with np.errstate(all="ignore"):
        accused = judging._judged(question, wanted, moments).excess > 1
    return float(np.sum(binom.pmf(on, runs, p)[accused]))


@pytest.mark.parametrize("level", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("runs", [100, 1000, 10_000])
def test_a_bit_is_not_accused_more_often_than_stated(runs: int, level: float) -> None:
    """However rare a bit is, its exact probability of being accused is within the level."""
    rates = [alarm_probability(p, runs, level) for p in np.geomspace(0.01 / runs, 0.5, 40)]

    assert max(rates) <= 1.02 * level


def test_a_bit_is_accused_about_as_often_as_stated() -> None:
    """The correction for skewness does not cost more than part of the level."""
    assert 0.6e-3 <= alarm_probability(0.05, 10_000, 1e-3) <= 1e-3


def test_without_hall_bits_are_accused_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain t test accuses a right bit twice as often as it should, a rarer one fivefold."""
    monkeypatch.setattr(judging, "_thresholds", lambda normal, _: (normal, normal))

    assert alarm_probability(0.05, 10_000, 1e-5) > 1.9e-5
    assert alarm_probability(0.01, 10_000, 1e-5) > 5e-5


def test_without_bernstein_rare_bits_are_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The t test of a bit seen a few times accuses it a hundred times as often as it should."""
    monkeypatch.setattr(judging, "ENOUGH", 1)

    assert alarm_probability(0.0009, 10_000, 1e-5) > 1e-3


def test_the_correction_is_the_inverse_of_halls_cubic() -> None:
    """Hall's statistic of a threshold is the quantile, where the correction widens."""
    skew = np.array([-0.5, -0.1, 1e-9, 0.1, 0.5])
    lower, upper = judging._thresholds(4.0, Spread(skew, skew, skew, np.full(5, 99.0)))

    def cubic(t: Array) -> Array:
        return np.asarray(t + skew * (t**2 / 3 + 1 / 6) + skew**2 * t**3 / 27)

    assert cubic(upper)[:3] == pytest.approx(4.0, abs=1e-5)
    assert cubic(-lower)[2:] == pytest.approx(-4.0, abs=1e-5)
    assert upper[3:] == pytest.approx(4.0)
    assert lower[:2] == pytest.approx(4.0)


def test_the_bound_is_that_of_maurer_and_pontil() -> None:
    """For values within 1: √(2 V ln(2/δ) / n) + 7 ln(2/δ) / 3(n − 1), δ on either side."""
    moments = Moments((2,))
    for value in [0.0, 0.25] * 50:
        moments.add(np.array([value, 4 * value]))
    question = Question({"W": np.zeros(2)}, alarm_rate=0.0975, power=0.9)

    bound = judging._bernstein(question, moments, moments.spread())

    assert question.level == pytest.approx(0.05)
    variance, doubt = np.array([1 / 64, 1 / 4]) * 100 / 99, np.log(2 / 0.025)
    assert bound == pytest.approx(np.sqrt(2 * variance * doubt / 100) + 7 * doubt / (3 * 99))


@pytest.mark.parametrize("draw", [normal, correlated])
def test_a_detectable_bias_is_found_as_often_as_stated(draw: Draw) -> None:
    """A bias as large as ``detectable`` is found with the probability ``power``."""
    unbiased = verdicts(draw, repetitions=100)
    bias = float(np.mean([each.detectable["W"][0] for each in unbiased]))
    low, high = bounds(1000, 0.9)

    found = verdicts(draw, bias=bias)

    assert low <= sum(each.failed and each.index == (0,) for each in found) <= high


def test_half_of_a_detectable_bias_is_found_less_often() -> None:
    """What is not promised to be found is not, so that the promise is no empty one."""
    bias = float(np.mean(verdicts(normal, repetitions=100)[0].detectable["W"])) / 2

    assert wrong(verdicts(normal, bias=bias)) < 500


def test_the_public_function_keeps_both_rates() -> None:
    """From estimator to verdict: false alarms, and a bias as large as is detectable."""
    asked: dict[str, Any] = {"runs": 200, "alarm_rate": 0.05}
    bias = float(check_expectation(noisy, WANT, **asked, seed=999).detectable["W"][1, 0])
    off = biased("W", (1, 0), bias)

    alarms = [check_expectation(noisy, WANT, **asked, seed=i).failed for i in range(150)]
    found = [check_expectation(off, WANT, **asked, seed=i).failed for i in range(150)]

    assert sum(alarms) <= bounds(150, 0.05)[1]
    assert bounds(150, 0.9)[0] <= sum(found)
