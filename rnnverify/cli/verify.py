"""``rnnverify verify``: the built-in models, or somebody's own gradient code."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from rnnverify.cli.options import CACHED, TO_JSON, held_to, reported
from rnnverify.cli.output import console, write
from rnnverify.cli.process import OWN_PROCESS, calm_collector, settle
from rnnverify.cli.publishing import kept_clean, publish, settled, takes_stdout
from rnnverify.cli.requests import Options, requested
from rnnverify.cli.running import INTERRUPTED, report_of_end, run_all
from rnnverify.cli.supervising import supervise
from rnnverify.cli.telling import End, Told
from rnnverify.errors import UsageError
from rnnverify.reports.json import document, render
from rnnverify.reports.terminal import show
from rnnverify.results import Report

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
  rnnverify verify my_rnn.py:gradients --system char_rnn --html gradients.html

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
@reported
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
        chosen = settled(chosen)
        told = None
        if own_process:
            told = supervise(partial(_ended, chosen), partial(_interrupted, chosen))
        sys.exit(_verify(chosen, told, own_process=own_process))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _verify(options: Options, told: Told | None, *, own_process: bool) -> int:
    with kept_clean(options, own_process=own_process):
        runs = requested(options)
        if own_process:
            calm_collector()
        reports, seconds, interrupted = run_all(runs, told)
    publish(options, document(reports, seconds=seconds), reports, seconds=seconds)
    if reports:
        show(console(stderr=takes_stdout(options)), reports)
    if interrupted:
        click.echo(f"interrupted after {len(reports)} reports", err=True)
        return INTERRUPTED
    return _exit_code(reports)


def _exit_code(reports: Sequence[Report]) -> int:
    if any(report.verdict == "invalid" for report in reports):
        return 2
    return 0 if all(report.ok for report in reports) else 1


def _interrupted(options: Options, words: dict[str, Any]) -> None:
    """Write what was found out before a run that had to be ended."""
    before = words.get("reports", [])
    if options.target is not None:
        write(render({**document([]), "reports": before}), options.target)
    click.echo(f"interrupted after {len(before)} reports", err=True)


def _ended(options: Options, end: End) -> int:
    """Report on a run that was cut short."""
    before, report = report_of_end(end, options.timeout)
    values = document([report])
    publish(options, {**values, "reports": [*before, *values["reports"]]}, [report])
    show(console(stderr=takes_stdout(options)), [report])
    return 2
