"""``rnnverify corpus``: a folder of failing cases, which are replayed before anything is drawn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rnnverify.cli.loading import load_candidate, load_system
from rnnverify.cli.options import CACHED, TO_JSON
from rnnverify.cli.output import STDOUT, check_writable, console, progress, write
from rnnverify.cli.process import OWN_PROCESS, settle
from rnnverify.errors import UsageError
from rnnverify.records import Candidate

if TYPE_CHECKING:
    from rnnverify.corpora.folders import Kept
    from rnnverify.corpora.tidying import Fate
    from rnnverify.systems import System

LONGEST = 300
"""Characters of what was wrong that a table shows."""
STYLES = {"kept": "green", "replaced": "yellow", "removed": "red", "refused": "bold red"}

ADD = """\b
Examples:
  rnnverify corpus add failures/char_rnn.npz --corpus corpus
  rnnverify corpus add failures/*.npz --corpus corpus --system my_cell.py:CELL

\b
Exit codes:
  0  every file is in the corpus
  2  bad usage, or a file that is no saved case; then none was added
"""
LIST = """\b
Examples:
  rnnverify corpus list --corpus corpus
  rnnverify corpus list --corpus corpus --json -

\b
Exit codes:
  0  every file is a saved case
  2  bad usage, or a file is refused
"""
MINIMIZE = """\b
Examples:
  rnnverify corpus minimize --corpus corpus --dry-run
  rnnverify corpus minimize --corpus corpus my_rnn.py:gradients
  rnnverify corpus minimize --corpus corpus my_cell.py:gradients --system my_cell.py:CELL

\b
Exit codes:
  0  done
  2  bad usage, or a file that is no saved case; then nothing was changed
"""

CORPUS = click.option(
    "--corpus",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder.",
)
SYSTEM = click.option(
    "--system",
    "named",
    multiple=True,
    metavar="PATH.py:OBJECT",
    help="Whose cases there are besides those of the built-in ones.",
)


@click.group()
def corpus() -> None:
    """Keep failing cases in a folder: they are replayed first, before anything is drawn.

    A corpus is a folder of .npz files, as rnnverify verify --save and rnnverify.save_case write
    them. Its files are never unpacked to disk, and no code is loaded because one names it.
    """


@corpus.command(epilog=ADD)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@CORPUS
@SYSTEM
@click.pass_context
def add(
    context: click.Context, files: tuple[Path, ...], folder: Path, named: tuple[str, ...]
) -> None:
    """Add saved cases to a corpus, which is made if there is none.

    Every FILE is checked before any is added. What is there already is not added again.
    """
    with _said_as_usage(context):
        from rnnverify.archives import one_line
        from rnnverify.corpora.folders import add as keep
        from rnnverify.corpora.folders import holds, load

        systems = _systems(named)
        for kept in [load(file, systems) for file in files]:
            known = holds(folder, kept.stored)
            target = keep(folder, kept.stored)
            word = "there already" if known else "added"
            click.echo(f"{word}: {one_line(str(kept.file))} as {one_line(str(target))}")


@corpus.command("list", epilog=LIST)
@CORPUS
@SYSTEM
@TO_JSON
@click.pass_context
def show(context: click.Context, folder: Path, named: tuple[str, ...], target: str | None) -> None:
    """Show what is in a corpus: each case's file, system, sizes, and what was wrong with it.

    Files that are no saved cases are shown as refused, with the reason.
    """
    with _said_as_usage(context):
        if target is not None:
            check_writable(target)
        rows = _rows(folder, _systems(named))
    if target is not None:
        _write(folder, rows, target)
    refused = sum("refused" in row for row in rows)
    cases = len(rows) - refused
    screen = console(stderr=target == STDOUT)
    _show(screen, rows)
    count = f"{cases} case{'' if cases == 1 else 's'}"
    screen.print(count + (f", {refused} refused" if refused else ""), highlight=False)
    context.exit(2 if refused else 0)


@corpus.command(epilog=MINIMIZE)
@click.argument("candidate", required=False)
@CORPUS
@SYSTEM
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would become of each file.")
@CACHED
@click.pass_context
def minimize(
    context: click.Context,
    candidate: str | None,
    folder: Path,
    named: tuple[str, ...],
    *,
    dry_run: bool,
    cache: bool,
) -> None:
    """Leave out of a corpus what tells nothing new, or make its cases smaller.

    Files that hold the same case become one. With CANDIDATE, each case that was found in it, and in
    which it fails now, is replaced by a smaller one in which it fails in the same way. Without, the
    fewest cases stay that kill every bug of the catalogue which all of them kill together, under
    their own clips and lengths; of each candidate, system, dtype, kind of clip, truncation and
    terms at least one stays, and so does every case of which the catalogue can say nothing.

    A process that is killed leaves every file whole, and loses no case.
    """
    with _said_as_usage(context, cache=cache):
        from rnnverify.corpora.folders import read
        from rnnverify.corpora.tidying import carry_out, duplicates

        loaded = None if candidate is None else load_candidate(candidate)
        kept = read(folder, _systems(named))
        change: Callable[[Fate], None] = (lambda _: None) if dry_run else carry_out
        fates = duplicates(kept)
        gone = {fate.file for fate in fates}
        for fate in fates:
            change(fate)
        left = [each for each in kept if each.file not in gone]
        for fate in _tidied(left, loaded, candidate or ""):
            change(fate)
            fates.append(fate)
    _show_fates(console(), sorted(fates, key=lambda fate: fate.file))
    if dry_run:
        click.echo("nothing was changed: a dry run")


@contextmanager
def _said_as_usage(context: click.Context, *, cache: bool = True) -> Iterator[None]:
    """Settle in, and turn an error of usage into one of click's."""
    if context.obj == OWN_PROCESS:
        settle(cache=cache)
    try:
        yield
    except UsageError as error:
        raise click.UsageError(str(error)) from None


def _systems(named: Sequence[str]) -> "Mapping[str, System]":
    systems = (load_system(text) for text in named)
    return {system.name: system for system in systems}


def _rows(folder: Path, systems: "Mapping[str, System]") -> list[dict[str, Any]]:
    """Return what is to be said of each file of a corpus."""
    from rnnverify.archives import one_line
    from rnnverify.corpora.folders import files, load

    rows: list[dict[str, Any]] = []
    for file in files(folder):
        name = {"file": one_line(file.name)}
        try:
            rows.append(name | _values(load(file, systems)))
        except UsageError as error:
            rows.append(name | {"refused": str(error)})
    return rows


def _values(kept: "Kept") -> dict[str, Any]:
    case, stored = kept.case, kept.stored
    return {
        "system": case.system,
        "dims": dict(case.dims),
        "dtype": str(case.dtype),
        "clip": str(case.clip),
        "clip_over": case.clip.over,
        "truncate": str(case.truncation) if case.truncation else None,
        "lengths": "lengths" in case,
        "candidate": stored.candidate,
        "was": stored.message,
        "terms": dict(stored.terms),
    }


def _write(folder: Path, rows: Sequence[Mapping[str, Any]], target: str) -> None:
    from rnnverify import __version__
    from rnnverify.reports.json import FORMAT, render

    values = {
        "format": FORMAT,
        "version": __version__,
        "corpus": str(folder),
        "cases": [row for row in rows if "refused" not in row],
        "refused": [row for row in rows if "refused" in row],
    }
    write(render(values), target)


def _show(screen: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table with a row for each file."""
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("file", "system", "dims", "dtype", "clip", "candidate", "what was wrong"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, _cells(row)), style=STYLES["refused"] if "refused" in row else "")
    screen.print(table)


def _cells(row: Mapping[str, Any]) -> list[str]:
    if "refused" in row:
        return [row["file"], "refused", "", "", "", "", row["refused"][:LONGEST]]
    dims = " ".join(f"{axis}={n}" for axis, n in row["dims"].items())
    also = f" truncate {row['truncate']}" if row["truncate"] else ""
    also += " lengths" if row["lengths"] else ""
    system = f"{row['system']}{also}"
    was = row["was"][:LONGEST]
    return [row["file"], system, dims, row["dtype"], row["clip"], row["candidate"], was]


def _tidied(kept: "Sequence[Kept]", loaded: Candidate | None, name: str) -> "Iterator[Fate]":
    """Return what becomes of each case, one after the other, with progress."""
    from rnnverify.corpora.tidying import redundant, shrunk

    with progress(len(kept)) as shown:
        done = shown.begin("corpus", len(kept))
        if loaded is None:
            yield from redundant(kept, done)
            return
        for each in kept:
            yield shrunk(each, loaded, name)
            done()


def _show_fates(screen: Console, fates: "Sequence[Fate]") -> None:
    from rnnverify.archives import one_line

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("file", "becomes", "why"):
        table.add_column(name, overflow="fold")
    for fate in fates:
        what = Text(fate.what, style=STYLES[fate.what])
        table.add_row(Text(one_line(fate.file.name)), what, Text(fate.why))
    if fates:
        screen.print(table)
    counts = [f"{sum(f.what == what for f in fates)} {what}" for what in list(STYLES)[:3]]
    screen.print(f"{len(fates)} files: {', '.join(counts)}", highlight=False)
