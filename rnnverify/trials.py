"""Trials: what a test by ``gradient_test`` does with each case, and what it tells in the end."""

import functools
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.control
import pytest
from hypothesis.errors import UnsatisfiedAssumption

from rnnverify.errors import MismatchError, PassedOnError, UsageError
from rnnverify.execution import Execution, Watch
from rnnverify.explaining import explain, hints_for
from rnnverify.records import Candidate, Case
from rnnverify.results import Report
from rnnverify.runs import Run
from rnnverify.storage import save_case
from rnnverify.verdicts import VERDICT_KINDS, Verdict

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
        failure = explain(
            failed,
            self._call,
            self.run.terms,
            shown,
            seen=self._watch_of(failed).kept,
            restrictions=self.run.restrictions,
        )
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
