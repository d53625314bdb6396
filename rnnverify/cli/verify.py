"""``rnnverify verify``: the built-in models, or somebody's own gradient code."""

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rnnverify.cli.candidates import load_candidate
from rnnverify.cli.output import (
    STDOUT,
    check_writable,
    console,
    progress,
    stdout_kept_clean,
    write,
)
from rnnverify.cli.process import OWN_PROCESS, calm_collector, settle
from rnnverify.errors import UsageError
from rnnverify.records import CLIP_KINDS, DTYPES, Candidate, Clip, Report, Truncation
from rnnverify.reports.json import document, render
from rnnverify.reports.terminal import show

if TYPE_CHECKING:
    from rnnverify.runner import Run
    from rnnverify.sources import Source, Text
    from rnnverify.systems import System

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

EXAMPLES = """\b
Examples:
  rnnverify verify
  rnnverify verify my_rnn.py:gradients --system char_rnn
  rnnverify verify my_rnn.py:gradients --system char_rnn --clip value:5 --clip none
  rnnverify verify my_rnn.py:gradients --system char_rnn --truncate 5
  rnnverify verify my_lstm.py:gradients --system lstm --lengths
  rnnverify verify --system char_rnn --text corpus.txt --json report.json

\b
Exit codes:
  0  every gradient matches
  1  a gradient is not what it should be, or too little was conclusive
  2  bad usage, or an invalid candidate
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a command line says."""

    candidate: str | None
    system: tuple[str, ...]
    clip: tuple[str, ...]
    dtype: tuple[str, ...]
    cases: int
    seed: int
    text: Path | None
    truncate: str | None
    lengths: bool
    target: str | None
    cache: bool


@click.command(epilog=EXAMPLES)
@click.argument("candidate", required=False)
@click.option("--system", multiple=True, metavar="NAME", help="Which system; all if not given.")
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
    "--text",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also verify on windows of this text (UTF-8).",
)
@click.option(
    "--truncate",
    metavar="K|chunks:K",
    help="Losses go back K steps only (1: within the step), or to the start of a chunk of K.",
)
@click.option("--lengths", is_flag=True, help="Sequences in a batch have lengths of their own.")
@click.option("--json", "target", metavar="PATH|-", help="Write JSON there; - is standard output.")
@click.option(
    "--cache/--no-cache",
    default=True,
    help="Keep compiled references for the next run.",
    show_default=True,
)
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
        sys.exit(_verify(chosen, own_process=own_process))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _verify(options: Options, *, own_process: bool) -> int:
    target = options.target
    if target is not None:
        check_writable(target)
        target = target if target == STDOUT else str(Path(target).absolute())
    clean = stdout_kept_clean(own_process=own_process) if target == STDOUT else nullcontext()
    with clean:
        runs = _runs(options)
        if own_process:
            calm_collector()
        reports, seconds, interrupted = _run_all(runs)
    if target is not None:
        write(render(document(reports, seconds=seconds)), target)
    if reports:
        show(console(stderr=target == STDOUT), reports)
    if interrupted:
        click.echo(f"interrupted after {len(reports)} reports", err=True)
        return INTERRUPTED
    return _exit_code(reports)


def _exit_code(reports: Sequence[Report]) -> int:
    if any(report.verdict == "invalid" for report in reports):
        return 2
    return 0 if all(report.ok for report in reports) else 1


def _run_all(runs: Sequence["Run"]) -> tuple[list[Report], float, bool]:
    """Run everything; return the reports, the seconds it took, and whether it was interrupted."""
    from rnnverify.programs import abandon

    start = time.perf_counter()
    reports: list[Report] = []
    interrupted = False
    with progress(sum(run.cases for run in runs)) as shown:
        try:
            for run in runs:
                run.prepare()
            for run in runs:
                label = f"{run.system.name} {run.dtype} {run.source.kind}"
                reports.extend(run.reports(shown.begin(label, run.cases)))
        except KeyboardInterrupt:
            interrupted = True
            abandon()
    return reports, round(time.perf_counter() - start, 3), interrupted


def _runs(options: Options) -> list["Run"]:
    """Return what a command line asks for, one run a system, dtype and source."""
    from rnnverify.builtin import SYSTEMS, find_system
    from rnnverify.runner import Run
    from rnnverify.sources import read_text, takes_text

    own = options.candidate is not None
    if own and len(options.system) != 1:
        given = ", ".join(options.system) or "none"
        message = f"--system: a candidate needs one, but got {given}; known: {', '.join(SYSTEMS)}"
        raise UsageError(message)
    truncation = Truncation.parse(options.truncate)
    systems = [find_system(name) for name in options.system] or _all_systems(options)
    text = read_text(options.text) if options.text else None
    if text is not None and not any(takes_text(system) for system in systems):
        message = f"--text: {systems[0].name} reads no text; systems that do: char_rnn"
        raise UsageError(message)
    clips = tuple(Clip.parse(c) for c in options.clip or (("none",) if own else CLIP_KINDS))
    loaded = load_candidate(options.candidate) if options.candidate else None
    return [
        Run(
            candidate=loaded or _model(system, truncation),
            name=options.candidate or _name(_model(system, truncation)),
            system=system,
            clips=tuple(dict.fromkeys(clips)),
            dtype=dtype,
            cases=options.cases,
            seed=options.seed,
            source=source,
            lengths=options.lengths,
            truncation=truncation,
            replay=_replay(options, system, dtype),
        )
        for system in dict.fromkeys(systems)
        for dtype in dict.fromkeys(options.dtype or (("float64",) if own else DTYPES))
        for source in _sources(system, text, own=own)
    ]


def _all_systems(options: Options) -> list["System"]:
    """Return the systems whose models can do what is asked for."""
    from rnnverify.builtin import SYSTEMS

    return [
        system
        for system in SYSTEMS.values()
        if (system.truncated_gradients or not options.truncate)
        and ("B" in system.dims or not options.lengths)
    ]


def _model(system: "System", truncation: Truncation | None) -> Candidate:
    """Return the built-in model of a system.

    Raises:
        UsageError: if there is none that truncates.
    """
    model = system.gradients if truncation is None else system.truncated_gradients
    if model is None:
        message = f"--truncate: {system.name} has no model that truncates; name a candidate"
        raise UsageError(message)
    return model


def _name(model: Candidate) -> str:
    """Return where a built-in model is, as a candidate is named on the command line."""
    return f"{model.__module__}:{getattr(model, '__name__', model)}"


def _sources(system: "System", text: "Text | None", *, own: bool) -> list["Source"]:
    """Return where sequences come from; a candidate sees real input only if it is asked for."""
    from rnnverify.sources import Generated, real_source

    real = None if own and text is None else real_source(system, text)
    return [Generated()] if real is None else [Generated(), real]


def _replay(options: Options, system: "System", dtype: str) -> Callable[[Clip], str]:
    """Return what tells the command line that shows a failure again."""

    def replay(clip: Clip) -> str:
        words = ["rnnverify", "verify"]
        words += [options.candidate] if options.candidate else []
        words += ["--system", system.name, "--clip", str(clip), "--dtype", dtype]
        words += ["--cases", str(options.cases), "--seed", str(options.seed)]
        words += ["--text", str(options.text)] if options.text else []
        words += ["--truncate", options.truncate] if options.truncate else []
        words += ["--lengths"] if options.lengths else []
        return shlex.join(words)

    return replay
