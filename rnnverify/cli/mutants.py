"""``rnnverify mutants``: bugs are planted, in our models or in somebody's code, and looked for."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from rnnverify import __version__
from rnnverify.cli.loading import load_place, load_test
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
from rnnverify.cli.running import INTERRUPTED
from rnnverify.errors import UsageError
from rnnverify.reports.json import FORMAT, render

if TYPE_CHECKING:
    from rnnverify.runs import Run
    from rnnverify.surveys import Outcome

EXAMPLES = """\b
Examples:
  rnnverify mutants
  rnnverify mutants --system char_rnn --system lstm --cases 50
  rnnverify mutants my_rnn.py:gradients --system char_rnn
  rnnverify mutants test_my_rnn.py:test_my_gradients --json mutants.json

\b
Exit codes:
  0  every mutant was killed, and nothing that is right was accused
  1  a mutant survived, or what is not changed was accused
  2  bad usage
"""


@click.command(epilog=EXAMPLES)
@click.argument("candidate", required=False)
@click.option(
    "--system",
    multiple=True,
    metavar="NAME|PATH.py:OBJECT",
    help="Which systems; all built-in ones if not given.",
)
@click.option(
    "--clip", multiple=True, metavar="SPEC", help="Of your own code, as in rnnverify verify."
)
@click.option("--cases", default=200, show_default=True, metavar="N", help="Cases to survive.")
@click.option("--seed", default=0, show_default=True, metavar="S", help="Same seed, same cases.")
@held_to
@TO_JSON
@CACHED
@click.pass_context
def mutants(context: click.Context, /, **options: Any) -> None:
    """Plant bugs, and see whether each is found, how soon, and whether it is named.

    Without CANDIDATE, the bugs are those of the catalogue: what people get wrong in
    backpropagation through time, planted in the built-in models. With CANDIDATE, PATH.py:function,
    they are small changes to its own code, made in memory only: a term or factor dropped, a sign,
    a transpose, an index. What survives is a bug that the check would not have found. If CANDIDATE
    is a test by rnnverify.gradient_test, it is held to what the test says.
    """
    own_process = context.obj == OWN_PROCESS
    if own_process:
        settle(cache=options["cache"])
    chosen = Options(**options, dtype=(), case=None, text=None, save=None)
    try:
        sys.exit(_mutants(chosen, own_process=own_process))
    except UsageError as error:
        raise click.UsageError(str(error)) from None


def _mutants(options: Options, *, own_process: bool) -> int:
    target = options.target
    if target is not None:
        check_writable(target)
    clean = stdout_kept_clean(own_process=own_process) if target == STDOUT else nullcontext()
    start = time.perf_counter()
    with clean:
        total, outcomes = _survey(options)
        if own_process:
            calm_collector()
        found, interrupted = _shown(outcomes, total, stop_at_once=options.candidate is not None)
    if target is not None:
        write(render(_document(found, round(time.perf_counter() - start, 3))), target)
    _show(console(stderr=target == STDOUT), found)
    if interrupted:
        click.echo(f"interrupted after {sum(bool(each.name) for each in found)} mutants", err=True)
        return INTERRUPTED
    return 0 if all(each.killed == bool(each.name) for each in found) else 1


def _survey(options: Options) -> tuple[int, "Iterator[Outcome]"]:
    """Return how many mutants there are, and what comes of each, one after the other."""
    from rnnverify.mutants import CATALOGUE
    from rnnverify.surveys import of_catalogue, of_edits

    if options.candidate is not None:
        run, module, name = _own(options, options.candidate)
        edits = _edits(module, name, options.candidate)
        return len(edits), of_edits(run, edits)
    _refuse_terms(options, "for your own code only; name it: rnnverify mutants PATH.py:function")
    unknown = [name for name in options.system if name not in CATALOGUE]
    if unknown:
        message = (
            f"--system: there are no mutants of {', '.join(unknown)}; there are of "
            f"{', '.join(CATALOGUE)}, and of your own code: rnnverify mutants PATH.py:function"
        )
        raise UsageError(message)
    systems = list(dict.fromkeys(options.system)) or list(CATALOGUE)
    total = sum(len(CATALOGUE[name]) for name in systems)
    return total, of_catalogue(systems, cases=options.cases, seed=options.seed)


def _own(options: Options, candidate: str) -> "tuple[Run, Any, str]":
    """Return how somebody's own code is verified, its module, and its name there."""
    run = load_test(candidate)
    if run is None:
        (run,) = requested(options)
    else:
        _refuse_terms(options, f"not for {candidate}, a test, which says itself what it is held to")
    return replace(run, cases=options.cases, seed=options.seed), *load_place(candidate)


def _refuse_terms(options: Options, why: str) -> None:
    """Refuse options that say what a candidate is held to.

    Raises:
        UsageError: if there is one.
    """
    given = {
        "--system": options.system if options.candidate else (),
        "--clip": options.clip,
        "--truncate": options.truncate,
        "--lengths": options.lengths,
        "--gradients": options.gradients,
        "--dims": options.dims,
        "--set": options.fixed,
        "--scale": options.scale != "1",
        "--clip-over": options.clip_over,
        "--digits": options.digits,
    }
    named = [name for name, value in given.items() if value]
    if named:
        message = f"{', '.join(named)}: {why}"
        raise UsageError(message)


def _edits(module: Any, name: str, candidate: str) -> Sequence[Any]:
    from rnnverify.edits import edits_of

    edits = edits_of(module, name)
    if not edits:
        message = f"candidate: there is nothing in {candidate} that could be changed"
        raise UsageError(message)
    return edits


def _shown(
    outcomes: "Iterator[Outcome]", total: int, *, stop_at_once: bool
) -> "tuple[list[Outcome], bool]":
    """Go through a survey with progress; say whether it was interrupted.

    Where somebody's own code fails as it stands, the survey ends.
    """
    found: list[Outcome] = []
    systems: dict[str, Callable[[], None]] = {}
    with progress(total) as shown:
        try:
            for each in outcomes:
                if each.system not in systems:
                    systems[each.system] = shown.begin(each.system, total, "mutant")
                found.append(each)
                if each.name:
                    systems[each.system]()
                elif each.killed and stop_at_once:
                    break
        except KeyboardInterrupt:
            return found, True
    return found, False


def _document(found: "Sequence[Outcome]", seconds: float) -> dict[str, Any]:
    planted = [each for each in found if each.name]
    return {
        "format": FORMAT,
        "version": __version__,
        "total": len(planted),
        "killed": sum(each.killed for each in planted),
        "named": sum(each.named for each in planted),
        "mutants": [asdict(each) for each in planted],
        "unchanged": [asdict(each) for each in found if not each.name],
        "seconds": seconds,
    }


def _show(screen: Console, found: "Sequence[Outcome]") -> None:
    """Print a table of all mutants, those that survived, and a last line that sums up."""
    planted = [each for each in found if each.name]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("system", "mutant", "killed after", "verdict", "named"):
        table.add_column(name, justify="right" if name == "killed after" else "left")
    for each in planted:
        killed = str(each.cases) if each.killed else "[bold red]survived[/]"
        table.add_row(each.system, each.name, killed, each.verdict, _named(each))
    if planted:
        screen.print(table)
    for each in (each for each in planted if not each.killed):
        line = f"survived {each.cases} cases: {each.system} {each.name}: {each.change}"
        screen.print(line, style="red", soft_wrap=True, highlight=False, markup=False)
    for each in (each for each in found if not each.name and each.killed):
        line = f"{each.system}: as it stands, before anything is changed, it is {each.verdict}"
        screen.print(line, style="red", soft_wrap=True, highlight=False, markup=False)
    if planted:
        screen.print(_summary(planted), highlight=False)


def _named(outcome: "Outcome") -> str:
    told = outcome.diagnosis
    if told is None:
        return "-"
    return "yes" if outcome.named and told.name == outcome.name else f"{told.kind}: {told.name}"


def _summary(planted: "Sequence[Outcome]") -> str:
    after = [each.cases for each in planted if each.killed]
    named = sum(each.named for each in planted)
    median = f", half of them by case {statistics.median(after):g}" if after else ""
    return f"{len(after)} of {len(planted)} mutants killed{median}; {named} named"
