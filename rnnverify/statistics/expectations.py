"""check_expectation: call an estimator many times, and judge the mean."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnverify.calling import returned_by
from rnnverify.comparing import structured
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.records import Array
from rnnverify.statistics.judging import Question, first, judge
from rnnverify.statistics.moments import Moments
from rnnverify.statistics.verdicts import StochasticVerdict, entry_name

Estimator = Callable[[np.random.Generator], Mapping[str, Any]]
"""Stochastic gradient code under test: takes a generator, returns gradients by array name."""

FEWEST_RUNS = 100


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


def _gradients(
    estimator: Estimator, random: np.random.Generator, expectation: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the gradients of one run, those of which something is expected."""
    returned = returned_by(estimator, random)
    gradients = structured(returned, {n: w.shape for n, w in expectation.items()}, [*expectation])
    return {name: gradients[name] for name in expectation}


def _nonfinite(question: Question, run: int, gradients: Mapping[str, Array]) -> StochasticVerdict:
    bad = {name: ~np.isfinite(array) for name, array in gradients.items()}
    name = next(name for name in bad if bad[name].any())
    index = first(bad[name])
    got, want = float(gradients[name][index]), float(question.expectation[name][index])
    message = f"{entry_name(name, index)} was {got} in run {run:,}, but {want:.6g} is expected"
    return question.verdict(
        "nonfinite", gradient=name, index=index, mean=got, want=want, runs=run, message=message
    )
