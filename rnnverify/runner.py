"""verify: many cases, one candidate, a report.

All cases are run, whatever their verdicts, so that reports count the same number; then, if one
failed, the failure is shrunk and explained, once. Only a candidate that hangs, or that gives other
results for the same case, ends a run early: nothing it does later would mean anything.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from rnnverify.checker import check_under
from rnnverify.drawing import EnoughError, explore, smallest
from rnnverify.errors import PassedOnError
from rnnverify.execution import Execution, Watch
from rnnverify.explaining import explain, hints_for
from rnnverify.locating import errors_by_step
from rnnverify.records import Candidate, Case, Clip, Truncation
from rnnverify.restrictions import Size
from rnnverify.results import Detail, Failure, Report
from rnnverify.runs import Batch, Run, make_run
from rnnverify.scales import Scale
from rnnverify.storage import save_case
from rnnverify.systems import System
from rnnverify.terms import TIMEOUT
from rnnverify.verdicts import Verdict, VerdictKind

NOT_AGAIN = "; it did not fail when it was run again"


def verify(
    candidate: Candidate,
    system: str | System,
    *,
    clip: str | Clip = "none",
    dtype: str = "float64",
    cases: int = 200,
    seed: int = 0,
    case: int | None = None,
    lengths: bool = False,
    truncate: str | int | Truncation | None = None,
    gradients: Sequence[str] | None = None,
    scale: str | float | Scale = 1,
    dims: Mapping[str, Size] | None = None,
    fixed: Mapping[str, Any] | None = None,
    clip_over: Sequence[str] | None = None,
    digits: float | None = None,
    timeout: float | None = TIMEOUT,
    save: str | Path | None = None,
) -> Report:
    """Verify gradient code on generated cases.

    Args:
        candidate: Takes a Case, returns a mapping from array names to gradients.
        system: A built-in system's name, or a system.
        clip: How the candidate clips its gradients, such as ``"value:5"``; a kind without a number
            has thresholds drawn from each case.
        dtype: The dtype of the cases, in which the candidate computes.
        cases: How many cases to run.
        seed: The same seed gives the same cases.
        case: The number of the one case that is checked, from 1; all if None.
        lengths: Whether the sequences of a batch have lengths of their own: ``case["lengths"]``.
        truncate: How far back losses are propagated: 5 steps, say, or ``"chunks:5"``.
        gradients: The arrays whose gradients the candidate returns, if not those of all weights.
        scale: A constant factor that its gradients are wanted to have: a number, or a formula in
            the sizes of the axes, such as ``"1/T"``. The clip comes after it.
        dims: Sizes of axes, for code that has them built in: ``{"H": 32, "T": (1, 8)}``.
        fixed: Arrays held at a value, for code that lacks them: ``{"h0": 0, "loss_weights": 1}``.
            The gradient of a weight that is fixed may be left out.
        clip_over: The arrays whose gradients are clipped; the weights among ``gradients`` if None.
        digits: How many decimal digits, of each gradient's largest entry, are enough to match.
        timeout: How many seconds a call may take; None for no limit, and for calls in this thread.
        save: The folder in which the smallest failing case is saved.

    Returns:
        The report; ``report.ok`` says whether every gradient matched.

    Raises:
        UsageError: if an argument is not what it should be.
    """
    run = make_run(
        candidate,
        system,
        name=getattr(candidate, "__qualname__", type(candidate).__name__),
        clips=[clip],
        dtype=dtype,
        cases=cases,
        seed=seed,
        case=case,
        lengths=lengths,
        truncate=truncate,
        gradients=gradients,
        scale=scale,
        dims=dims,
        fixed=fixed,
        clip_over=clip_over,
        digits=digits,
        timeout=timeout,
        save=None if save is None else Path(save),
    )
    (report,) = execute(run)
    return report


def execute(
    run: Run, visited: Callable[[], None] = lambda: None, *, enough: int | None = None
) -> list[Report]:
    """Run all cases, and return one report a clip.

    Args:
        run: What to run.
        visited: Is called after every case.
        enough: After how many failing cases it ends; None for never.
    """
    execution = executed(run, visited, enough=enough)
    return [_reported(execution, watch) for watch in execution.watches]


def executed(
    run: Run, visited: Callable[[], None] = lambda: None, *, enough: int | None = None
) -> Execution:
    """Run all cases as ``execute`` does, and return what was found, with no failure explained."""
    run.prepare()
    execution = Execution(run, enough)
    for batch in run.batches:
        numbers = count()

        def visit(case: Case, batch: Batch = batch, numbers: Iterator[int] = numbers) -> None:
            before = next(numbers)
            if execution.has_failed_enough:
                raise EnoughError
            wanted = run.case in (None, batch.start + before + 1)
            if wanted and execution.visit(batch, before, case):
                visited()

        explore(run.strategy, visit, seed=batch.seed, cases=batch.cases)
    return execution


def _reported(execution: Execution, watch: Watch) -> Report:
    run, report = execution.run, execution.report(watch)
    verdict, failure = _failure(execution, watch)
    return replace(
        report,
        verdict=verdict,
        hints=hints_for(run, watch.clip, verdict, report.scaled_by),
        failure=failure,
        details=_stepped(run, watch, report, failure),
    )


def _stepped(
    run: Run, watch: Watch, report: Report, failure: Failure | None
) -> Mapping[str, Detail]:
    """Return a report's details, with what each step's loss shows of one case."""
    if not report.details:
        return {}
    conclusive = [each for each in watch.kept if each.kind == "match" and not each.zero]
    shown = failure.verdict if failure else max(conclusive, key=_length, default=None)
    steps: Mapping[str, tuple[float, ...]] = {}
    if shown is not None and shown.comparisons and not shown.hung:
        with suppress(PassedOnError):
            steps = errors_by_step(shown.case, run.candidate, run.terms)
    return {
        name: replace(each, axes=run.system.arrays[name].names, steps=steps.get(name, ()))
        for name, each in report.details.items()
    }


def _length(verdict: Verdict) -> int:
    return verdict.case.dims["T"]


def _failure(execution: Execution, watch: Watch) -> tuple[VerdictKind, Failure | None]:
    """Return the verdict on a run, and the smallest failing case, explained."""
    run, verdict = execution.run, watch.tally.verdict
    if verdict in ("match", "inconclusive"):
        finding = execution.findings.get("zero_upstream")
        if finding is None or watch is not execution.watches[0]:
            return verdict, None
        return finding.verdict.kind, _told(run, watch, finding.verdict, None)
    batch, before, first = watch.first[watch.tally.worst or verdict]
    number = batch.start + before + 1
    if first.hung or first.kind == "nondeterministic":
        return verdict, Failure.of(first, _kept(run, watch, first, number)[0])
    again = _smallest(run, watch, batch, before, first.kind)
    if again is None:
        return verdict, Failure.of(first, run.replay_of(watch.clip, None, number), remark=NOT_AGAIN)
    failure = _told(run, watch, replace(again, kind=verdict), number)
    found = failure.verdict.kind
    return (found if found == "nondeterministic" else verdict), failure


def _smallest(
    run: Run, watch: Watch, batch: Batch, before: int, kind: VerdictKind
) -> Verdict | None:
    """Return the verdict on the smallest case found that fails in the same way, twice.

    The cases of the batch that came before the first failure are not checked once more.
    """

    def judged(case: Case) -> Verdict:
        (verdict,) = check_under([watch.clip], case, run.candidate, run.terms)
        return verdict

    case = smallest(
        run.strategy,
        lambda case: judged(case).kind == kind,
        seed=batch.seed,
        cases=batch.cases,
        skip=before,
    )
    again = None if case is None else judged(case)
    return again if again is not None and again.kind == kind else None


def _told(run: Run, watch: Watch, verdict: Verdict, number: int | None) -> Failure:
    replay, saved = _kept(run, watch, verdict, number)
    failure = explain(
        verdict,
        run.candidate,
        run.terms,
        replay,
        seen=watch.kept,
        restrictions=run.restrictions,
    )
    return replace(failure, saved=None if saved is None else str(saved))


def _kept(run: Run, watch: Watch, verdict: Verdict, number: int | None) -> tuple[str, Path | None]:
    """Save a case, if that was asked for, and return how to show it again."""
    if run.save is None:
        return run.replay_of(watch.clip, None, number), None
    saved = save_case(
        run.save / run.file_of(watch.clip),
        verdict.case,
        candidate=run.name,
        message=verdict.text,
        terms=run.checked,
    )
    return run.replay_of(watch.clip, saved, number), saved
