"""Testing: a decorator that makes a Hypothesis test of an adapter, and a check of one case.

>>> @rnnverify.gradient_test("char_rnn", clip="value:5")
... def test_my_rnn(case):
...     return my_gradients(case["Wxh"], case["Whh"], ...)
"""

import functools
import inspect
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.control
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.errors import UnsatisfiedAssumption

from rnnverify.checker import check
from rnnverify.errors import MismatchError, PassedOnError, UsageError
from rnnverify.execution import Execution, Watch
from rnnverify.explaining import explain, hints_for
from rnnverify.records import Candidate, Case, Clip, Truncation
from rnnverify.restrictions import Size
from rnnverify.results import Failure, Report
from rnnverify.runs import Run, make_run
from rnnverify.scales import Scale
from rnnverify.storage import save_case
from rnnverify.systems import System, no_model
from rnnverify.terms import TIMEOUT
from rnnverify.verdicts import VERDICT_KINDS, Verdict

DEFAULT_CASES = 100
SETTINGS = "_hypothesis_internal_use_settings"
"""Where Hypothesis keeps a test's settings, for which there is no public way to see them."""
APART = ("invalid", "nondeterministic")
"""Verdicts that are another bug than a wrong gradient."""
PASSED_ON = (
    UnsatisfiedAssumption,
    unittest.SkipTest,
    pytest.skip.Exception,
    pytest.fail.Exception,
    pytest.xfail.Exception,
)
"""What an adapter raises to tell its test runner something."""


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


class Trial:
    """What a test by ``gradient_test`` does with each case, and what it has found out so far."""

    def __init__(self, run: Run) -> None:
        self.run = replace(run, candidate=self._call)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.candidate: Candidate = self.run.candidate
        self.execution = Execution(self.run)
        self.context: Any = None
        self.failed: Verdict | None = None
        self.failed_at = 0

    @property
    def visited(self) -> int:
        """How many cases there were so far."""
        return self.execution.watches[0].tally.cases

    @property
    def reports(self) -> list[Report]:
        """The figures so far, one report a clip."""
        return [self.execution.report(watch) for watch in self.execution.watches]

    def check(self, case: Case, candidate: Candidate) -> None:
        """Check one case under every clip.

        Raises:
            MismatchError: if the candidate fails. All kinds of wrong gradients are one class, so
                that Hypothesis takes them for one bug, and shows the smallest case of it.
        """
        __tracebackhide__ = True
        self.candidate, self.context = candidate, _hypothesis_context()
        try:
            verdicts = self.execution.visit(self.run.batches[0], self.visited, case)
        except PassedOnError as passed:
            raise passed.error from None
        verdicts += [finding.verdict for finding in self.execution.findings.values()]
        if not verdicts and self.failed is not None:
            verdicts = [self.failed]
        worst = max(verdicts, key=lambda verdict: VERDICT_KINDS.index(verdict.kind))
        if worst.failed:
            self.failed_at = self.failed_at or self.visited
            self.failed = worst
            self._raise(worst)

    def _raise(self, verdict: Verdict) -> None:
        __tracebackhide__ = True
        try:
            verdict.raise_for_mismatch()
        except MismatchError as error:
            same = type(error) if verdict.kind in APART else MismatchError
            raised = same(str(error), verdict=verdict)
        if self.execution.stopped:
            raised.add_note(f"It was given up after this case: {verdict.case!r}")
        raise raised

    def raise_for_weakness(self) -> None:
        """Fail if too little was conclusive to call it a pass.

        Raises:
            InconclusiveError: saying which gradients.
        """
        __tracebackhide__ = True
        for report in self.reports:
            if report.verdict == "inconclusive":
                report.raise_for_mismatch()

    def outcome(self, file: Path | None, replay: Callable[[Path | None], str]) -> dict[str, Any]:
        """Return what a test runner is to tell of it all, as plain values.

        Args:
            file: Where a failing case is to be saved.
            replay: Gives the command that shows a failure again, maybe from a file.
        """
        reports, failed = self.reports, self.failed
        worst = max(reports, key=lambda report: VERDICT_KINDS.index(report.verdict))
        if failed is None:
            told = "; ".join(f"{_cases(report)}, {_figures(report)}" for report in reports)
            return {"verdict": worst.verdict, "summary": told, "replay": "", "explained": []}
        explained, saved = [], None
        try:
            saved = file and self._saved(file, failed)
        except UsageError as error:
            explained = [str(error)]
        shown = replay(saved)
        try:
            failure = explain(
                failed,
                self._call,
                self.run.terms,
                shown,
                seen=self._watch_of(failed).kept,
                restrictions=self.run.restrictions,
            )
        except PassedOnError:  # turned away, or skipped, on a case that is not Hypothesis'
            failure = Failure.of(failed, shown)
        verdict = max(worst.verdict, failed.kind, key=VERDICT_KINDS.index)
        given = hints_for(self.run, failed.case.clip, verdict, worst.scaled_by)
        return {
            "verdict": verdict,
            "summary": f"failed in case {self.failed_at}, {_figures(worst)}",
            "replay": failure.replay,
            "explained": [
                failure.message,
                *failure.reasons,
                *(f"hint: {hint}" for hint in given),
                *explained,
                f"replay: {failure.replay}",
            ],
        }

    def _watch_of(self, verdict: Verdict) -> Watch:
        """Return what is kept of the cases under the clip of a verdict."""
        same = (w for w in self.execution.watches if w.clip.kind == verdict.case.clip.kind)
        return next(same, self.execution.watches[0])

    def _saved(self, file: Path, failed: Verdict) -> Path:
        return save_case(
            file,
            failed.case,
            candidate=self.run.name,
            message=failed.text,
            terms=self.run.checked,
        )

    def _call(self, case: Case) -> Mapping[str, Any]:
        try:
            if self.context is None:
                return self.candidate(case)
            with self.context():
                return self.candidate(case)
        except PASSED_ON as error:
            raise PassedOnError(error) from None


def _hypothesis_context() -> Any:
    """Return what lets a candidate's thread call ``hypothesis.note`` and its like.

    Hypothesis keeps its context with the thread, and has no public way to hand it on.
    """
    variable = getattr(hypothesis.control, "_current_build_context", None)
    if variable is None or variable.value is None:
        return None
    return functools.partial(_as_if_first, variable, variable.value)


@contextmanager
def _as_if_first(variable: Any, value: Any) -> Iterator[None]:
    """Let every call of a candidate say ``hypothesis.target``, which counts once a case."""
    targets = getattr(getattr(value, "data", None), "target_observations", {})
    before = dict(targets)
    targets.clear()
    try:
        with variable.with_value(value):
            yield
    finally:
        targets.update(before)


def _cases(report: Report) -> str:
    return f"clip {report.clip}: {report.cases} cases"


def _figures(report: Report) -> str:
    agree = [each.agree for each in report.gradients.values() if each.agree is not None]
    worst = [each.worst for each in report.gradients.values() if each.worst is not None]
    figures = [f"{min(agree):.1f} digits"] if agree else []
    figures += [f"worst {max(worst):.2g} tolerances"] if worst else []
    return ", ".join(figures) or "nothing compared"


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
