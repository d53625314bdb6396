"""Measure what README shows: ``python -m benchmarks``."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks import plots, readme
from benchmarks.harness import TimingError
from benchmarks.machine import machine, measured_on
from benchmarks.peers import is_installed
from benchmarks.rows import Row, of_table
from benchmarks.tables import TABLES, Table

EXTRAS = "pip install -e '.[peers,benchmarks]'"
EPILOG = """\b
Examples:
  python -m benchmarks                      all tables, for README; hours
  python -m benchmarks --quick --json -     a part of them, for CI; minutes
  python -m benchmarks --only check         one table, and its part of README
"""


@click.command(epilog=EPILOG)
@click.option("--quick", is_flag=True, help="Minutes instead of hours; leaves README alone.")
@click.option("--only", multiple=True, type=click.Choice(list(TABLES)), help="Only these tables.")
@click.option(
    "--json",
    "target",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Where the figures go as JSON; - is standard output.",
)
def main(only: tuple[str, ...], target: Path | None, *, quick: bool) -> None:
    """Measure rnnverify beside its peers, and rewrite README's tables and pictures.

    Progress goes to standard error. JSON is written even where a run is interrupted, with the rows
    that there are by then.
    """
    tables = chosen(only, quick=quick)
    refuse_what_lacks(tables, quick=quick)
    rows: list[Row] = []
    with written_at_last(target, rows):
        for i, (name, table) in enumerate(tables.items(), 1):
            click.echo(f"== {name} ({i} of {len(tables)})", err=True)
            measure(name, table, rows, quick=quick)
            if not quick:
                show_in_readme(table, of_table(rows, name))


def chosen(only: Sequence[str], *, quick: bool) -> Mapping[str, Table]:
    """Return the tables that are asked for, in their own order.

    Raises:
        click.UsageError: if one has nothing that is quickly measured, and that is asked for.
    """
    slow = [name for name in only if quick and not TABLES[name].quick]
    if slow:
        message = f"--quick measures nothing of {', '.join(slow)}; leave out --quick"
        raise click.UsageError(message)
    wanted = set(only) or {name for name, table in TABLES.items() if table.quick or not quick}
    return {name: table for name, table in TABLES.items() if name in wanted}


def refuse_what_lacks(tables: Mapping[str, Table], *, quick: bool) -> None:
    """Say at once what hinders, before hours are spent.

    Raises:
        click.UsageError: if a package is missing without which nothing can be measured, or README
            would lose figures that it has; or README has no place for a table.
    """
    for name, table in tables.items():
        needed = table.harness if quick else (*table.harness, *table.for_readme)
        if missing := [package for package in needed if not is_installed(package)]:
            whom = "it" if quick else "README's part"
            message = f"{name}: {whom} cannot be made without {', '.join(missing)}: {EXTRAS}"
            raise click.UsageError(message)
        for package in table.peers:
            if not is_installed(package):
                click.echo(
                    f"{name}: {package} is not installed, and so skipped: {EXTRAS}", err=True
                )
        if not quick:
            with told():
                readme.with_blocks(text_of_readme(), dict.fromkeys(table.blocks, ""))


def measure(name: str, table: Table, rows: list[Row], *, quick: bool) -> None:
    """Make a table's rows.

    Raises:
        click.ClickException: if not all can be made.
    """
    before = len(rows)
    try:
        table.measure(rows.append, quick)
    except TimingError as error:
        raise click.ClickException(str(error)) from error
    if len(rows) == before:
        message = f"{name}: there is not a single row"
        raise click.ClickException(message)


def show_in_readme(table: Table, rows: Sequence[Row]) -> None:
    """Rewrite a table's part of README, and its pictures."""
    where = measured_on(machine())
    blocks = {name: f"{block(rows)}\n\n{where}" for name, block in table.blocks.items()}
    with told():
        text = readme.with_blocks(text_of_readme(), blocks)
    readme.README.write_text(text, encoding="utf-8")
    for name, draw in table.pictures.items():
        plots.save(name, draw, rows)


def text_of_readme() -> str:
    """Return README as it stands."""
    return readme.README.read_text(encoding="utf-8")


@contextmanager
def told() -> Iterator[None]:
    """Tell that README has no place for a table."""
    try:
        yield
    except readme.MissingMarkerError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def written_at_last(target: Path | None, rows: Sequence[Row]) -> Iterator[None]:
    """Write the figures as JSON in the end, whatever happens."""
    try:
        yield
    finally:
        if target is not None:
            document: dict[str, Any] = {"format": 1, "machine": machine(), "rows": rows}
            with click.open_file(str(target), "w") as file:
                file.write(json.dumps(document, indent=1) + "\n")


def without(variable: str) -> None:
    """Begin this process again without an environment variable, if it is set.

    OpenBLAS reads its own once, when NumPy is imported.
    """
    if os.environ.pop(variable, None) is not None:
        words = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
        os.execv(sys.executable, words)  # noqa: S606 - ourselves


if __name__ == "__main__":
    # It would hold NumPy's products to another processor's kernels, and nobody else's.
    without("OPENBLAS_CORETYPE")
    main(prog_name="python -m benchmarks")
