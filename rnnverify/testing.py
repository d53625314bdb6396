"""Testing: a decorator that makes a Hypothesis test of an adapter, and a check of one case.

>>> @rnnverify.gradient_test("char_rnn", clip="value:5")
... def test_my_rnn(case):
...     return my_gradients(case["Wxh"], case["Whh"], ...)
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase

from rnnverify.checker import check
from rnnverify.errors import MismatchError, UsageError
from rnnverify.records import Case, Clip, Truncation
from rnnverify.restrictions import Size
from rnnverify.runs import Run, make_run
from rnnverify.scales import Scale
from rnnverify.systems import System, no_model
from rnnverify.terms import TIMEOUT
from rnnverify.trials import Trial
from rnnverify.verdicts import Verdict

DEFAULT_CASES = 100
SETTINGS = "_hypothesis_internal_use_settings"
"""Where Hypothesis keeps a test's settings, for which there is no public way to see them."""


def assert_gradients_match(
    case: Case,
    gradients: Mapping[str, Any],
    *,
    scale: str | float | Scale = 1,
    digits: float | None = None,
    only: Sequence[str] | None = None,
) -> Verdict:
    """Assert that gradients are those of one case, inside any test.

    Args:
        case: Made by ``System.case``, drawn by ``rnnverify.cases``, or loaded.
        gradients: By array name, clipped as ``case.clip`` says.
        scale: A constant factor that they are wanted to have, such as ``"1/T"``.
        digits: How many decimal digits are enough.
        only: The arrays whose gradients are to be compared, if not all weights are among them.

    Returns:
        The verdict, which is ``inconclusive`` where nothing can be told.

    Raises:
        MismatchError: if a gradient is not what it should be.
        UsageError: if an argument is not what it should be.
    """
    __tracebackhide__ = True
    verdict = check(
        case, lambda _: gradients, gradients=only, scale=scale, digits=digits, timeout=None
    )
    try:
        verdict.raise_for_mismatch()
    except MismatchError as error:
        error.add_note(repr(case))
        raise
    return verdict


def gradient_test(
    system: str | System,
    *,
    clip: str | Clip | Sequence[str | Clip] = "none",
    dtype: str = "float64",
    cases: int | None = None,
    lengths: bool = False,
    truncate: str | int | Truncation | None = None,
    gradients: Sequence[str] | None = None,
    scale: str | float | Scale = 1,
    dims: Mapping[str, Size] | None = None,
    fixed: Mapping[str, Any] | None = None,
    clip_over: Sequence[str] | None = None,
    digits: float | None = None,
    timeout: float | None = TIMEOUT,
) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Make a property-based test of an adapter function, whose body it is.

    The function takes a case, and fixtures if it likes, and returns gradients by array name. What
    comes out is a Hypothesis test: ``@settings``, ``@example(case=rnnverify.load_case(...))``,
    ``--hypothesis-seed`` and the example database work as for any other. It has no deadline, unless
    settings say so (outside pytest, settings above it bring Hypothesis' own deadline back). Under
    pytest it also fails where too little is conclusive.

    Args:
        system: A built-in system's name, or a system.
        clip: One clip, or several, under each of which each case is checked.
        dtype: The dtype of the cases, in which the function computes.
        cases: How many cases to run; as many as Hypothesis' settings say if None. Settings above
            the decorator win.
        lengths: See ``verify``, as for all that follow.
        truncate: How far back losses are propagated.
        gradients: The arrays whose gradients are returned.
        scale: A constant factor that they are wanted to have.
        dims: Sizes of axes.
        fixed: Arrays held at a value.
        clip_over: The arrays whose gradients are clipped.
        digits: How many decimal digits are enough.
        timeout: How many seconds one call may take; None for no limit, and for calls in the
            test's own thread.

    Raises:
        UsageError: if an argument is not what it should be.
    """
    clips = [clip] if isinstance(clip, str | Clip) else list(clip)
    if not clips:
        message = 'clip: none is named; leave it out, or name some, such as ["none", "value:5"]'
        raise UsageError(message)
    run = make_run(
        no_model,
        system,
        name="",
        clips=clips,
        dtype=dtype,
        cases=DEFAULT_CASES if cases is None else cases,
        seed=0,
        lengths=lengths,
        truncate=truncate,
        gradients=gradients,
        scale=scale,
        dims=dims,
        fixed=fixed,
        clip_over=clip_over,
        digits=digits,
        timeout=timeout,
    )

    def decorate(function: Callable[..., Any]) -> Callable[..., None]:
        return _tested(function, replace(run, name=function.__qualname__), cases)

    return decorate


def _tested(function: Callable[..., Any], run: Run, cases: int | None) -> Callable[..., None]:
    argument = _first_argument(function)
    trial = Trial(run)

    @functools.wraps(function)
    def test(*positional: Any, **arguments: Any) -> None:
        __tracebackhide__ = True
        case = arguments.pop(argument)
        adapter = functools.partial(function, *positional, **arguments)
        trial.check(case, lambda case: adapter(**{argument: case}))

    made: Any = hypothesis.given(**{argument: run.strategy})(test)
    made.rnnverify_trial = trial
    made.rnnverify_adapter = function
    adjust(made, cases)
    tested: Callable[..., None] = made
    return tested


def _first_argument(function: Callable[..., Any]) -> str:
    """Return the name under which a test takes its case."""
    known = [name for name in inspect.signature(function).parameters if name != "self"]
    if not known:
        message = (
            f"gradient_test: {function.__qualname__} takes no argument; its first must be the case"
        )
        raise UsageError(message)
    return known[0]


def adjust(test: Any, cases: int | None) -> None:
    """Settle how Hypothesis runs a gradient test, where nobody else has.

    The first call of a candidate may compile, and the default deadline is a fifth of a second; one
    that somebody asked for is kept. One failure is shown; which of our own lines ran is not; and a
    fixture may serve many cases, since each is a call of the same function.
    """
    function = getattr(test, "__func__", test)
    applied = getattr(function, SETTINGS, None)
    if applied is None:
        return
    default = hypothesis.settings.default
    deadline = None if default and applied.deadline == default.deadline else applied.deadline
    changed = hypothesis.settings(
        applied,
        deadline=deadline,
        max_examples=cases or applied.max_examples,
        report_multiple_bugs=False,
        phases=[phase for phase in applied.phases if phase is not Phase.explain],
        suppress_health_check=[
            *applied.suppress_health_check,
            HealthCheck.function_scoped_fixture,
        ],
    )
    setattr(function, SETTINGS, changed)
