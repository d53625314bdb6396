"""``rnnverify verify``: the built-in models, or somebody's own gradient code."""

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnverify.cli.options import CACHED, TO_JSON, held_to
from rnnverify.cli.output import (
    STDOUT,
    check_writable,
    console,
    progress,
    stdout_kept_clean,
    write,
)
from rnnverify.cli.process import OWN_PROCESS, calm_collector, settle
from rnnverify.cli.requests import Options, requested
from rnnverify.cli.supervising import Told, supervise
from rnnverify.errors import UsageError
from rnnverify.records import Case
from rnnverify.reports.json import document, render, report_values
from rnnverify.reports.terminal import show
from rnnverify.results import Failure, Report
from rnnverify.verdicts import Verdict

if TYPE_CHECKING:
    from rnnverify.runs import Run

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

EXAMPLES = """\b
Examples:
  rnnverify verify
  rnnverify verify my_rnn.py:gradients --system char_rnn
  rnnverify verify my_rnn.py:gradients --system char_rnn --clip value:5 --clip none
  rnnverify verify my_rnn.py:gradients --system char_rnn --truncate 5
  rnnverify verify my_lstm.py:gradients --system lstm --lengths
  rnnverify verify my_rnn.py:gradients --system char_rnn --set h0=0 --set loss_weights=1 --scale 1/T
  rnnverify verify my_kernel.py:gradients --system elman --dims H=32,T=1..8 --digits 5
  rnnverify verify my_cell.py:gradients --system my_cell.py:CELL --save failures
  rnnverify verify --system char_rnn --text corpus.txt --json report.json

\b
Exit codes:
  0  every gradient matches
  1  a gradient is not what it should be, or too little was conclusive
  2  bad usage, or an invalid candidate
"""


@click.command(epilog=EXAMPLES)
@click.argument("candidate", required=False)
@click.option(
    "--system",
    multiple=True,
    metavar="NAME|PATH.py:OBJECT",
    help="Which system: a built-in one, or one of your own; all built-in ones if not given.",
)
@click.option(
    "--clip",
    multiple=True,
    metavar="SPEC",
    help="none, value:5, norm:1, global-norm:1, or a kind without a number, for thresholds "
    "drawn from each case.  [default: none; all kinds for the built-in models]",
)
@click.option(
    "--dtype",
    multiple=True,
    metavar="D",
    help="float64 or float32.  [default: float64; both for the built-in models]",
)
@click.option("--cases", default=200, show_default=True, metavar="N", help="Cases in each run.")
@click.option("--seed", default=0, show_default=True, metavar="S", help="Same seed, same cases.")
@click.option(
    "--case", type=int, metavar="N", help="Only the N-th case of the run, which is drawn as ever."
)
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also verify on windows of this text (UTF-8).",
)
@held_to
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Save the smallest failing case there, for rnnverify replay.",
)
@TO_JSON
@CACHED
@click.pass_context
def verify(context: click.Context, /, **options: object) -> None:
    """Check every gradient of CANDIDATE, with and without clipping.

    CANDIDATE is gradient code, PATH.py:function or package.module:function, and needs one
    --system: a function that takes a case (a mapping from array names to arrays) and returns a
    mapping from array names to gradients. Without CANDIDATE, the built-in NumPy models are
    verified, on generated cases and on real input.
    """
    chosen = Options(**options)  # type: ignore[arg-type]
    own_process = context.obj == OWN_PROCESS
    if own_process:
        settle(cache=chosen.cache)
    try:
        chosen = _settled(chosen)
        told = None
        if own_process:
            told = supervise(partial(_hung, chosen), partial(_interrupted, chosen))
        sys.exit(_verify(chosen, told, own_process=own_process))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _settled(options: Options) -> Options:
    """Return options whose files stay where they are, whatever the candidate does.

    Raises:
        UsageError: if the result could not be written.
    """
    target, save = options.target, options.save
    if target is not None:
        check_writable(target)
        target = target if target == STDOUT else str(Path(target).absolute())
    return replace(options, target=target, save=save and save.absolute())


def _verify(options: Options, told: Told | None, *, own_process: bool) -> int:
    target = options.target
    clean = stdout_kept_clean(own_process=own_process) if target == STDOUT else nullcontext()
    with clean:
        runs = requested(options)
        if own_process:
            calm_collector()
        reports, seconds, interrupted = _run_all(runs, told)
    _show(reports, target, seconds=seconds)
    if interrupted:
        click.echo(f"interrupted after {len(reports)} reports", err=True)
        return INTERRUPTED
    return _exit_code(reports)


def _show(reports: Sequence[Report], target: str | None, **more: Any) -> None:
    if target is not None:
        write(render(document(reports, **more)), target)
    if reports:
        show(console(stderr=target == STDOUT), reports)


def _exit_code(reports: Sequence[Report]) -> int:
    if any(report.verdict == "invalid" for report in reports):
        return 2
    return 0 if all(report.ok for report in reports) else 1


def _run_all(runs: Sequence["Run"], told: Told | None) -> tuple[list[Report], float, bool]:
    """Run everything; return the reports, the seconds it took, and whether it was interrupted."""
    from rnnverify.programs import abandon
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
                    told.words(_if_it_hangs(run, reports))
                    visited = told.counting(visited)
                reports.extend(execute(run, visited))
        except KeyboardInterrupt:
            interrupted = True
            abandon()
    return reports, round(time.perf_counter() - start, 3), interrupted


def _if_it_hangs(run: "Run", reports: Sequence[Report]) -> dict[str, Any]:
    """Return what a parent process needs to know, to report on a run that never ends."""
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


def _interrupted(options: Options, words: dict[str, Any]) -> None:
    """Write what was found out before a run that had to be ended."""
    before = words.get("reports", [])
    if options.target is not None:
        write(render({**document([]), "reports": before}), options.target)
    click.echo(f"interrupted after {len(before)} reports", err=True)


def _hung(options: Options, words: dict[str, Any], cases: int, stack: str) -> int:
    """Report on a run that had to be ended from outside."""
    before, replay = words.pop("reports"), words.pop("replay")
    case = Case(system=words["system"], dims={}, arrays={})
    message = (
        f"the candidate did not return within {options.timeout:g} s, in case {cases + 1}, and had "
        "to be ended from outside: it keeps Python's lock"
    )
    verdict = Verdict(kind="invalid", case=case, message=message, traceback=stack, hung=True)
    failure = Failure.of(verdict, replay)
    report = Report(
        **words,
        cases=cases + 1,
        verdict="invalid",
        counts={"invalid": 1},
        clip_active=0.0,
        regimes={},
        gradients={},
        failure=failure,
    )
    values = document([report])
    if options.target is not None:
        write(render({**values, "reports": [*before, *values["reports"]]}), options.target)
    show(console(stderr=options.target == STDOUT), [report])
    return 2
