"""``rnnverify replay``: a saved case, shown and checked again."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from rnnverify.cli.loading import load_candidate, load_system
from rnnverify.cli.options import TO_JSON
from rnnverify.cli.output import STDOUT, check_writable, console, stdout_kept_clean, write
from rnnverify.cli.process import OWN_PROCESS, settle
from rnnverify.cli.supervising import supervise
from rnnverify.cli.telling import End, Told
from rnnverify.errors import UsageError
from rnnverify.records import Case
from rnnverify.reports.json import FORMAT, failure_values, render
from rnnverify.reports.terminal import show_verdict
from rnnverify.results import Failure
from rnnverify.terms import TIMEOUT
from rnnverify.verdicts import Verdict

if TYPE_CHECKING:
    from rnnverify.restrictions import Restrictions
    from rnnverify.storage import Stored

MOST_SHOWN = 200
"""Arrays of more entries are cut short in the middle."""

EXAMPLES = """\b
Examples:
  rnnverify replay failures/char_rnn.npz
  rnnverify replay failures/char_rnn.npz my_rnn.py:gradients
  rnnverify replay failures/my_cell.npz my_cell.py:gradients --system my_cell.py:CELL

\b
Exit codes:
  0  every gradient matches, or only the case was to be shown
  1  a gradient is not what it should be, or the case is inconclusive
  2  bad usage, or an invalid candidate
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a command line says."""

    file: Path
    candidate: str | None
    system: str | None
    timeout: float
    target: str | None


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("candidate", required=False)
@click.option("--system", metavar="PATH.py:OBJECT", help="Whose case it is, if not a built-in one.")
@click.option(
    "--timeout",
    type=float,
    default=TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="How long a call of the candidate may take.",
)
@TO_JSON
@click.pass_context
def replay(context: click.Context, /, **options: object) -> None:
    """Show the case in FILE, and check CANDIDATE on it, if one is named.

    A test made by rnnverify.gradient_test is a candidate, too: PATH.py:test_name. No code is loaded
    because the file names it.
    """
    own_process = context.obj == OWN_PROCESS
    if own_process:
        settle(cache=True)
    chosen = Options(**options)  # type: ignore[arg-type]
    try:
        told = None
        if own_process and chosen.candidate is not None:
            told = supervise(partial(_ended, chosen))
        sys.exit(_replay(chosen, told, own_process=own_process))
    except UsageError as error:
        raise click.UsageError(str(error)) from None


def _replay(options: Options, told: Told | None, *, own_process: bool) -> int:
    from rnnverify.storage import load_stored

    target = options.target
    if target is not None:
        check_writable(target)
    clean = stdout_kept_clean(own_process=own_process) if target == STDOUT else nullcontext()
    screen = console(stderr=target == STDOUT)
    verdict, failure = None, None
    with clean:
        system = None if options.system is None else load_system(options.system)
        stored = load_stored(options.file, system)
        screen.print(_described(stored), markup=False, highlight=False, soft_wrap=True)
        if told is not None:
            told.words(_document(stored, None, None))
        if options.candidate is not None:
            verdict, failure = _checked(stored, options.candidate, options)
    if target is not None:
        write(render(_document(stored, verdict, failure)), target)
    if verdict is None:
        return 0
    screen.print()
    show_verdict(screen, verdict, failure)
    if verdict.kind == "invalid":
        return 2
    return 0 if verdict.ok else 1


def _document(stored: "Stored", verdict: Verdict | None, failure: Failure | None) -> dict[str, Any]:
    """Return what was found out as plain values; null where nothing was asked or is wrong."""
    return {
        "format": FORMAT,
        "system": stored.case.system,
        "dims": stored.case.dims,
        "was": stored.message,
        "verdict": None if verdict is None else verdict.kind,
        "failure": None if failure is None else failure_values(failure),
    }


def _ended(options: Options, end: End) -> int:
    """Say that the candidate hung, or ended the process."""
    words, stack, message = end.words, end.stack or None, end.message(options.timeout)
    case = Case(system=words["system"], dims=words["dims"], arrays={})
    verdict = Verdict(kind="invalid", case=case, message=message, traceback=stack, hung=True)
    failure = Failure.of(verdict, f"rnnverify replay {options.file} {options.candidate}")
    if options.target is not None:
        told = {**words, "verdict": verdict.kind, "failure": failure_values(failure)}
        write(render(told), options.target)
    click.echo(f"INVALID  {message}\n{stack or ''}".rstrip(), err=options.target == STDOUT)
    return 2


def _checked(stored: "Stored", candidate: str, options: Options) -> tuple[Verdict, Failure | None]:
    from rnnverify.checker import check_under
    from rnnverify.explaining import explain
    from rnnverify.hygiene import not_repeatable
    from rnnverify.terms import make_terms

    terms = make_terms(**{**stored.terms, "timeout": options.timeout})
    loaded, case = load_candidate(candidate), stored.case
    (verdict,) = check_under([case.clip], case, loaded, terms)
    if not verdict.failed:
        finding = not_repeatable(case, case.clip, loaded, terms)
        verdict = verdict if finding is None else finding.verdict
    if not verdict.failed:
        return verdict, None
    replay = f"rnnverify replay {options.file} {candidate}"
    return verdict, explain(verdict, loaded, terms, replay, restrictions=_kept_to(case))


def _kept_to(case: Case) -> "Restrictions":
    """Return what further cases keep to: the same arrays, where some were held at a value."""
    from rnnverify.restrictions import Restrictions

    if not case.fixed:
        return Restrictions()
    sizes = {axis: (n, n) for axis, n in case.dims.items()}
    return Restrictions(sizes, {name: case[name] for name in case.fixed})


def _described(stored: "Stored") -> str:
    """Return a case, and what was found out about it, in words and numbers."""
    case = stored.case
    dims = " ".join(f"{axis}={n}" for axis, n in case.dims.items())
    lines = [f"{case.system}  {dims}, clip {case.clip}, {case.dtype}"]
    lines += [f"  was: {stored.candidate}: {stored.message}"] if stored.message else []
    lines += [f"  held to: {_pairs(stored.terms)}"] if stored.terms else []
    lines += [f"  truncate: {case.truncation}"] if case.truncation else []
    with np.printoptions(threshold=MOST_SHOWN):
        lines += [f"  {n} = {np.array2string(a, prefix=f'  {n} = ')}" for n, a in case.items()]
    return "\n".join(lines)


def _pairs(values: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
