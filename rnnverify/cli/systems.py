"""``rnnverify systems``: which systems there are."""

import inspect
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from rnnverify.cli.loading import load_system
from rnnverify.cli.options import TO_JSON
from rnnverify.cli.output import check_writable, write
from rnnverify.errors import UsageError

if TYPE_CHECKING:
    from rnnverify.systems import System

EXAMPLES = """\b
Examples:
  rnnverify systems
  rnnverify systems lstm
  rnnverify systems --json -
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", required=False)
@TO_JSON
def systems(name: str | None, target: str | None) -> None:
    """List the systems: their arrays with named axes, their gradients, their source.

    With NAME, say all about one: its recurrence, its loss, and its backward pass. One of your own
    is named as PATH.py:OBJECT.
    """
    from rnnverify import __version__
    from rnnverify.builtin import SYSTEMS
    from rnnverify.reports.json import FORMAT, render
    from rnnverify.systems import no_model

    try:
        chosen = [load_system(name)] if name is not None else list(SYSTEMS.values())
        if target is not None:
            check_writable(target)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    if target is not None:
        values = [_values(system) for system in chosen]
        write(render({"format": FORMAT, "version": __version__, "systems": values}), target)
        return
    console = Console()
    for system in chosen:
        console.print(f"[bold]{system.name}[/]  {system.source}", highlight=False)
        table = Table(box=None, show_header=False, padding=(0, 2))
        for role in ("weights", "state", "inputs"):
            if arrays := getattr(system, role):
                table.add_row(role, "  ".join(f"{name} ({axes})" for name, axes in arrays.items()))
        table.add_row("axes", ", ".join(_sized(system, axis) for axis in system.dims))
        table.add_row("gradients", " ".join(system.leaves))
        table.add_row("also", ", ".join(_options(system)))
        console.print(table, highlight=False)
    if name is not None and chosen[0].gradients is not no_model:
        console.print(inspect.getdoc(inspect.getmodule(system.gradients)), markup=False)


def _sized(system: "System", axis: str) -> str:
    """Return an axis, what it is, and the sizes that it has in generated cases."""
    low, high = system.sizes[axis]
    return f"{axis} {system.dims[axis]} ({low if low == high else f'{low}-{high}'})"


def _options(system: "System") -> list[str]:
    """Return the options of ``verify`` that change what is asked."""
    return ["--lengths", "--truncate"] if "B" in system.dims else ["--truncate"]


def _values(system: "System") -> dict[str, Any]:
    def axes(role: str) -> dict[str, list[str]]:
        return {name: list(each.names) for name, each in getattr(system, role).items()}

    return {
        "name": system.name,
        "source": system.source,
        "axes": dict(system.dims),
        "sizes": {axis: list(bounds) for axis, bounds in system.sizes.items()},
        "weights": axes("weights"),
        "state": axes("state"),
        "inputs": axes("inputs"),
        "gradients": list(system.leaves),
        "options": _options(system),
        "truncated_model": system.truncated_gradients is not None,
    }
