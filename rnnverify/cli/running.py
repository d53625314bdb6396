"""Running what a command line asks for, with progress, under supervision."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rnnverify.cli.output import progress
from rnnverify.cli.telling import End, Told
from rnnverify.records import Case
from rnnverify.reports.json import report_values
from rnnverify.results import Failure, Report
from rnnverify.verdicts import Verdict

if TYPE_CHECKING:
    from rnnverify.runs import Run

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def run_all(
    runs: Sequence["Run"],
    told: Told | None,
    reported: Callable[[Sequence[Report]], None] = lambda _reports: None,
) -> tuple[list[Report], float, bool]:
    """Run everything; return the reports, the seconds it took, and whether it was interrupted.

    Args:
        runs: What to run.
        told: Whom to tell how far it is, where there is a supervisor.
        reported: Is called with the reports of each run, once there are some.
    """
    from rnnverify.runner import execute

    start = time.perf_counter()
    reports: list[Report] = []
    interrupted = False
    with progress(sum(run.checks for run in runs)) as shown:
        try:
            for run in runs:
                run.prepare()
            for run in runs:
                label = f"{run.system.name} {run.dtype} {run.source.kind}"
                visited = shown.begin(label, run.checks)
                if told is not None:
                    told.words(words_of(run, reports))
                    visited = told.counting(visited)
                found = execute(run, visited)
                reports.extend(found)
                reported(found)
        except KeyboardInterrupt:
            interrupted = True
            heed(told)
    return reports, round(time.perf_counter() - start, 3), interrupted


def heed(told: Told | None) -> None:
    """Stop compiling after an interrupt, and let what was found out be written in peace."""
    from rnnverify.programs import abandon

    abandon()
    if told is not None:
        told.heed()


def words_of(run: "Run", reports: Sequence[Report] = ()) -> dict[str, Any]:
    """Return what a parent process needs to know, to report on a run that is cut short."""
    return {
        "reports": [report_values(report) for report in reports],
        "system": run.system.name,
        "candidate": run.name,
        "input": run.source.kind,
        "clip": str(run.clips[0]),
        "truncate": str(run.truncation) if run.truncation else None,
        "lengths": run.lengths,
        "dtype": run.dtype,
        "seed": run.seed,
        "replay": run.replay_of(run.clips[0], None, None),
    }


def report_of_end(end: End, timeout: float) -> tuple[list[dict[str, Any]], Report]:
    """Return the reports before a run that was cut short, and one on that run.

    Args:
        end: How it was, and what it had told.
        timeout: How many seconds a call might have taken.
    """
    words = dict(end.words)
    before, replay = words.pop("reports"), words.pop("replay")
    case = Case(system=words["system"], dims={}, arrays={})
    verdict = Verdict(
        kind="invalid",
        case=case,
        message=end.message(timeout),
        traceback=end.stack or None,
        hung=True,
    )
    report = Report(
        **words,
        cases=end.cases,
        verdict="invalid",
        counts={"invalid": 1},
        clip_active=0.0,
        regimes={},
        gradients={},
        failure=Failure.of(verdict, replay),
    )
    return before, report
