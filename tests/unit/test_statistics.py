"""A stochastic gradient is judged by its mean: found wrong as often as stated, and rarely else."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from rnnverify.errors import UsageError
from rnnverify.statistics import check_expectation, judging
from rnnverify.statistics.expectations import Estimator
from rnnverify.statistics.judging import Question, judge
from rnnverify.statistics.moments import Moments
from tests.estimators import (
    WANT,
    biased,
    noisy,
)


def test_a_right_estimator_matches() -> None:
    """The verdict on a right estimator says how much was done and what could have been found."""
    verdict = check_expectation(noisy, WANT, runs=2000)

    assert (verdict.kind, verdict.ok, verdict.failed) == ("match", True, False)
    assert (verdict.runs, verdict.entries, verdict.unjudged) == (2000, 8, 0)
    assert (verdict.alarm_rate, verdict.power) == (1e-3, 0.9)
    assert {n: a.shape for n, a in verdict.detectable.items()} == {"W": (2, 3), "b": (2,)}
    assert "the mean of 2,000 runs is as expected" in verdict.message


@pytest.mark.parametrize(("name", "index"), [("W", (0, 2)), ("W", (1, 0)), ("b", (1,))])
def test_a_biased_entry_is_named(name: str, index: tuple[int, ...]) -> None:
    """The gradient and the index are those of the entry that is off, with its numbers."""
    verdict = check_expectation(biased(name, index, 0.1), WANT, runs=2000)

    assert (verdict.kind, verdict.gradient, verdict.index) == ("wrong", name, index)
    assert verdict.want == WANT[name][index]
    assert verdict.z is not None
    assert verdict.threshold is not None
    assert verdict.z > verdict.threshold
    assert f"d{name}{list(index)}: the mean of 2,000 runs is" in verdict.message


def test_a_message_shows_the_digits_that_are_known() -> None:
    """Mean, error, expectation, and what is allowed stand in one sentence."""
    question = Question({"W": np.array([[0.1, 0.2]])}, 1e-3, 0.9)
    moments = Moments((1, 2))
    for sign in [-1, 1] * 5000:
        moments.add(np.array([[0.1031 + sign * 0.04, 0.2 + sign]]))

    assert judge(question, {"W": moments}).message == (
        "dW[0, 0]: the mean of 10,000 runs is 0.1031 ± 0.0004, but 0.1 is expected "
        "(7.75 standard errors; 3.48 are allowed)"
    )


def test_numbers_and_empty_arrays_are_gradients() -> None:
    """An array without axes is called by its name alone; one without entries is no obstacle."""
    wanted = {"g": 2, "none": np.zeros((0, 3))}

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        return {"none": np.zeros((0, 3)), "g": random.normal(3), "loss": 1.0}

    verdict = check_expectation(estimator, wanted, runs=100)

    assert (verdict.kind, verdict.gradient, verdict.index) == ("wrong", "g", ())
    assert verdict.message.startswith("dg: the mean of 100 runs")


def returning(**changes: Any) -> Estimator:
    """Return an estimator that returns something else for some gradients."""
    return lambda random: noisy(random) | changes


def raising(error: BaseException) -> Estimator:
    """Return an estimator that raises."""

    def estimator(_: np.random.Generator) -> dict[str, Any]:
        raise error

    return estimator


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (raising(RuntimeError("no\nway")), "in run 1, the candidate raised RuntimeError: no"),
        (raising(SystemExit(3)), "raised SystemExit: 3"),
        (lambda _: [1.0], "returned a list, but must return a mapping"),
        (lambda _: None, "returned a NoneType"),
        (lambda random: {"W": noisy(random)["W"]}, "returned no gradient of b"),
        (returning(c=1.0), "'c', which is no array that has a gradient"),
        (returning(b=[[0.4, 0.05]]), r"the shape (1, 2), but must have (2,)"),
        (returning(b=np.ones(2, complex)), "complex128"),
        (returning(b=None), "must hold real numbers"),
    ],
)
def test_another_structure_is_invalid(estimator: Estimator, words: str) -> None:
    """Whatever an estimator does instead of returning gradients is said, in the first run."""
    verdict = check_expectation(estimator, WANT)

    assert (verdict.kind, verdict.failed, verdict.runs) == ("invalid", True, 1)
    assert verdict.gradient is None
    assert words in verdict.message


def test_a_late_error_is_found_and_traced() -> None:
    """The run that failed is named, and where in the estimator it did."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        returned = noisy(random)
        if returned["b"][1] == 1:
            raise ArithmeticError("unlucky")  # noqa: EM101 - as users write it
        return returned

    verdict = check_expectation(estimator, WANT)

    words = f"in run {verdict.runs}, the candidate raised ArithmeticError: unlucky"
    assert verdict.message == words
    assert 1 < verdict.runs < 10_000
    assert verdict.traceback is not None
    assert 'raise ArithmeticError("unlucky")' in verdict.traceback
    assert "_gradients" not in verdict.traceback


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_passes(bad: float) -> None:
    """One NaN or infinity in one run is enough, and is named."""
    calls = iter(range(200))

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        returned = noisy(random)
        if next(calls) == 150:
            returned["W"][1, 2] = bad
        return returned

    verdict = check_expectation(estimator, WANT, runs=200)

    assert (verdict.kind, verdict.gradient, verdict.index) == ("nonfinite", "W", (1, 2))
    assert verdict.message == f"dW[1, 2] was {bad} in run 151, but -0.1 is expected"


def test_an_interrupt_passes_through() -> None:
    """Control-C stops the check; it is no failure of the estimator's."""
    with pytest.raises(KeyboardInterrupt):
        check_expectation(raising(KeyboardInterrupt()), WANT)


def test_warnings_of_floats_are_the_estimators_own_affair() -> None:
    """A division by zero on the way to a right gradient raises nothing."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        return {"b": random.random(2) + 1 / (1 / np.zeros(2))}

    assert check_expectation(estimator, {"b": [0.5, 0.5]}, runs=100).ok


def with_bits(*bits: float) -> Estimator:
    """Return an estimator of bits, after a fair coin."""
    return lambda random: {"b": 1.0 * (random.random(len(bits) + 1) < [0.5, *bits])}


def test_a_bit_never_seen_is_not_accused() -> None:
    """An entry that never varied may yet vary rarely: that much is forgiven, and said."""
    verdict = check_expectation(with_bits(1e-7), {"b": [0.5, 1e-7]})

    assert verdict.kind == "match"
    assert 1e-7 < verdict.detectable["b"][1] < 0.01


def test_a_bit_seen_a_few_times_is_not_accused() -> None:
    """One run in which a rare bit is on is no proof that it is on too often."""
    on = [check_expectation(with_bits(1e-4), {"b": [0.5, 1e-4]}, seed=i) for i in range(5)]

    assert all(each.ok for each in on)


def test_a_bit_that_is_always_off_is_accused() -> None:
    """If it were on as often as expected, it would have been seen."""
    verdict = check_expectation(with_bits(0.0), {"b": [0.5, 0.01]})

    assert (verdict.kind, verdict.index, verdict.mean) == ("wrong", (1,), 0.0)
    assert verdict.z is not None
    assert np.isfinite(verdict.z)


def fixed(*values: float, dtype: str = "float64") -> Estimator:
    """Return an estimator that is not random."""
    return lambda _: {"b": np.array(values, dtype)}


def test_what_never_varies_and_is_right_matches() -> None:
    """A gradient that is not random, or dead, is right up to rounding; float32's in float32."""
    assert check_expectation(fixed(0.1 + 0.2, 0), {"b": [0.3, 0.0]}, runs=100).ok
    assert check_expectation(fixed(0.3, 0, dtype="float32"), {"b": [0.3, 0.0]}, runs=100).ok
    assert not check_expectation(fixed(0.3 + 1e-8, 0), {"b": [0.3, 0.0]}, runs=100).ok


@pytest.mark.parametrize("want", [1e-9, 0.1])
def test_where_nothing_varies_nothing_is_told(want: float) -> None:
    """A gradient without any variation, and not as expected, is neither right nor accused."""
    verdict = check_expectation(fixed(0.5, 0.0), {"b": [0.5, want]}, runs=100)

    assert (verdict.kind, verdict.ok, verdict.failed) == ("inconclusive", False, False)
    assert (verdict.index, verdict.unjudged) == ((1,), 1)
    assert "no entry of that gradient varied measurably" in verdict.message


def test_noise_that_hides_everything_is_inconclusive() -> None:
    """A mean known worse than the gradient is large says nothing; more runs do."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        return {"W": random.normal([0.1, 0.2], 1.0), "b": random.normal(0.5, 0.1)}

    few = check_expectation(estimator, {"W": [0.1, 0.2], "b": 0.5}, runs=200)
    many = check_expectation(estimator, {"W": [0.1, 0.2], "b": 0.5}, runs=2000)

    assert (few.kind, few.gradient, few.unjudged) == ("inconclusive", "W", 2)
    assert "try more runs" in few.message
    assert many.kind == "match"


def test_some_noisy_entries_are_counted() -> None:
    """Where fewer than half of a gradient's entries are hidden by noise, the rest is judged."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        return {"W": random.normal([0.1, 0.2, 0.1], [0.1, 0.1, 9.0])}

    verdict = check_expectation(estimator, {"W": [0.1, 0.2, 0.1]}, runs=500)

    assert (verdict.kind, verdict.unjudged) == ("match", 1)


def test_where_zero_is_expected_there_is_no_scale() -> None:
    """A gradient that is zero on average is judged, however noisy it is."""
    verdict = check_expectation(lambda random: {"W": random.normal(0, 9, 2)}, {"W": [0, 0]})

    assert (verdict.kind, verdict.unjudged) == ("match", 0)


def test_noise_does_not_hide_a_wrong_entry() -> None:
    """An entry that is found wrong counts, whatever could not be told of others."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        return {"W": random.normal([0.1, 0.2], 9.0), "b": random.normal(0.6, 0.1)}

    verdict = check_expectation(estimator, {"W": [0.1, 0.2], "b": 0.5}, runs=200)

    assert (verdict.kind, verdict.gradient) == ("wrong", "b")


def jittering(random: np.random.Generator) -> dict[str, Any]:
    """Return 0.3 but for the last digits."""
    return {"W": 0.3 + 2.0**-54 * random.integers(1, 5, 4)}


def test_rounding_is_not_accused() -> None:
    """Sums in another order differ in their last digit, always to the same side perhaps."""
    assert check_expectation(jittering, {"W": np.full(4, 0.3)}, runs=1000).ok


def test_without_allowance_rounding_would_be_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Last digits that are always off to one side are far off in their own standard errors."""
    monkeypatch.setattr(judging, "ROUNDING", 0)

    assert check_expectation(jittering, {"W": np.full(4, 0.3)}, runs=1000).failed


@pytest.mark.parametrize("size", [1e-200, 1e-90, 1e90, 1e300])
def test_extreme_sizes_are_not_accused(size: float) -> None:
    """Where powers under- or overflow, a right estimator is at worst inconclusive."""

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        return {"W": size * (random.random(9) < 0.5), "b": random.random(2)}

    wanted = {"W": [size / 2] * 9, "b": [0.5, 0.5]}
    assert not check_expectation(estimator, wanted, runs=5000).failed


def test_moments_are_those_of_the_runs() -> None:
    """A large mean does not drown the moments of small deviations."""
    rows = 1e6 + np.random.default_rng(0).gamma(2.0, 1.0, (500, 3))
    moments = Moments((3,))
    for row in rows:
        moments.add(row)
    spread, away = moments.spread(), rows - rows.mean(axis=0)
    second = np.mean(away**2, axis=0)

    assert spread.mean == pytest.approx(rows.mean(axis=0), rel=1e-15)
    assert spread.variance == pytest.approx(rows.var(axis=0, ddof=1) / 500)
    assert spread.skewness == pytest.approx(np.mean(away**3, axis=0) / second**1.5 / 500**0.5)
    assert spread.counted == pytest.approx(500 * second**2 / np.mean(away**4, axis=0))


def test_an_array_that_is_used_again_is_copied() -> None:
    """An estimator may return the same buffer in every run."""
    buffer = np.zeros(2)

    def estimator(random: np.random.Generator) -> dict[str, Any]:
        buffer[:] = random.random(2)
        return {"b": buffer}

    assert check_expectation(estimator, {"b": [0.5, 0.5]}, runs=200).ok
    assert not check_expectation(estimator, {"b": [0.5, 0.7]}, runs=200).ok


def test_the_same_seed_gives_the_same_verdict() -> None:
    """All numbers are the same again; with another seed they are not."""
    first, again, other = (check_expectation(noisy, WANT, runs=200, seed=i) for i in (3, 3, 4))

    assert first.message == again.message != other.message
    assert np.array_equal(first.detectable["W"], again.detectable["W"])
    assert not np.array_equal(first.detectable["W"], other.detectable["W"])


def test_numpys_global_generator_is_left_alone() -> None:
    """What others draw from it is not changed."""
    before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002 - under test
    check_expectation(noisy, WANT, runs=200)

    assert np.array_equal(before, np.random.get_state(legacy=False)["state"]["key"])  # noqa: NPY002


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": 99}, "runs: got 99, but must be a whole number of at least 100"),
        ({"runs": 1e4}, "runs: got 10000.0"),
        ({"alarm_rate": 0}, "alarm_rate: got 0, but must be a probability between 0 and 1"),
        ({"alarm_rate": 1.0}, "alarm_rate: got 1.0"),
        ({"alarm_rate": np.nan}, "alarm_rate: got nan"),
        ({"power": 1}, "power: got 1, but must be a probability of at least 0.5, and below 1"),
        ({"power": 0.4}, "power: got 0.4"),
        ({"seed": -1}, "seed: got -1, but must be a whole number"),
        ({"seed": "now"}, "seed: got 'now'"),
        ({"expectation": [1.0]}, "expectation: got a list, but must be a mapping"),
        ({"expectation": {}}, "expectation: got {}, but must have at least one entry"),
        ({"expectation": {"W": []}}, "must have at least one entry"),
        ({"expectation": {"W": [1, np.nan]}}, "'W' is [1, nan], but must hold finite real numbers"),
        ({"expectation": {"W": "zero"}}, "'W' is 'zero', but must hold finite real"),
    ],
)
def test_a_bad_argument_is_named(changes: dict[str, Any], words: str) -> None:
    """The argument is named and shown, with what would be right; nothing is run."""
    asked = {"expectation": WANT} | changes
    with pytest.raises(UsageError) as raised:
        check_expectation(raising(AssertionError("called")), **asked)

    assert words in str(raised.value)


def test_jax_is_not_needed() -> None:
    """Importing the module does not import JAX."""
    code = "import sys, rnnverify.statistics; print('jax' in sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
