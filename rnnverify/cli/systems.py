"""``rnnverify systems``: which systems there are."""

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from rnnverify.cli.output import check_writable, write
from rnnverify.errors import UsageError

if TYPE_CHECKING:
    from rnnverify.systems import System

EXAMPLES = """\b
Examples:
  rnnverify systems
  rnnverify systems --json -
"""


@click.command(epilog=EXAMPLES)
@click.option("--json", "target", metavar="PATH|-", help="Write JSON there; - is standard output.")
def systems(target: str | None) -> None:
    """List the systems: their arrays with named axes, their gradients, their source."""
    from rnnverify import __version__
    from rnnverify.builtin import SYSTEMS
    from rnnverify.reports.json import FORMAT, render

    if target is not None:
        try:
            check_writable(target)
        except UsageError as error:
            raise click.UsageError(str(error)) from None
        values = [_values(system) for system in SYSTEMS.values()]
        write(render({"format": FORMAT, "version": __version__, "systems": values}), target)
        return
    console = Console()
    for system in SYSTEMS.values():
        console.print(f"[bold]{system.name}[/]  {system.source}", highlight=False)
        table = Table(box=None, show_header=False, padding=(0, 2))
        for role in ("weights", "state", "inputs"):
            if arrays := getattr(system, role):
                table.add_row(role, "  ".join(f"{name} ({axes})" for name, axes in arrays.items()))
        table.add_row("axes", ", ".join(_sized(system, axis) for axis in system.dims))
        table.add_row("gradients", " ".join(system.leaves))
        if options := _options(system):
            table.add_row("also", ", ".join(options))
        console.print(table, highlight=False)


def _sized(system: "System", axis: str) -> str:
    """Return an axis, what it is, and the sizes that it has in generated cases."""
    low, high = system.sizes[axis]
    return f"{axis} {system.dims[axis]} ({low if low == high else f'{low}-{high}'})"


def _options(system: "System") -> list[str]:
    """Return the options that the built-in model can be verified with."""
    lengths = ["--lengths"] if "B" in system.dims else []
    return [*lengths, *(["--truncate"] if system.truncated_gradients else [])]


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
    }
