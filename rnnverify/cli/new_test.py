"""``rnnverify new-test``: a test file for somebody's function, to be filled in."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rnnverify.cli.loading import load_candidate, load_system
from rnnverify.cli.output import STDOUT, check_writable, write
from rnnverify.errors import UsageError
from rnnverify.records import Candidate

if TYPE_CHECKING:
    from rnnverify.systems import System

EXAMPLES = """\b
Examples:
  rnnverify new-test --system char_rnn my_rnn:gradients
  rnnverify new-test --system lstm my_lstm.py:backward --output tests/test_my_lstm.py
  rnnverify new-test --system my_cell.py:CELL my_cell.py:backward --output -
"""
LONGEST = 84
"""Characters of a call in one line, beside what it is indented by."""
KINDS = {
    "tokens": ", token ids",
    "bits": ", zeros and ones",
    "probabilities": ", from 0 to 1",
    "lengths": ", lengths",
    "loss weights": ", the weights of the steps' losses",
    "cotangents": ", upstream gradients",
    "strictly lower": ", zero on and above the diagonal",
}


@click.command("new-test", epilog=EXAMPLES)
@click.argument("function")
@click.option("--system", required=True, metavar="NAME|PATH.py:OBJECT", help="Which system.")
@click.option(
    "--output",
    metavar="PATH|-",
    help="The file to write; - is standard output.  [default: test_FUNCTION.py]",
)
@click.option("--force", is_flag=True, help="Replace the file, if there is one.")
def new_test(function: str, system: str, output: str | None, *, force: bool) -> None:
    """Write a test of FUNCTION, with the adapter's names and shapes filled in.

    FUNCTION is gradient code in whatever form: PATH.py:function or package.module:function.
    """
    target = output or f"test_{function.rpartition(':')[2].replace('.', '_')}.py"
    try:
        _check_new(target, force=force)
        text = _text(load_system(system), system, function, load_candidate(function))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    write(text, target)
    if target != STDOUT:
        click.echo(f"wrote {target}; fill in what is marked, then run: python -m pytest {target}")


def _check_new(target: str, *, force: bool) -> None:
    """Find out whether a file can be written, and nothing is lost by it.

    Raises:
        UsageError: if not.
    """
    if target != STDOUT and Path(target).exists() and not force:
        message = f"--output: {target} exists; name another file, or say --force"
        raise UsageError(message)
    check_writable(target, "--output")


def _text(system: "System", named: str, function: str, code: Candidate) -> str:
    name = function.rpartition(":")[2]
    own = ":" in named
    imports = [_import(function), *([_import(named)] if own else [])]
    which = named.rpartition(":")[2] if own else f'"{system.name}"'
    axes = ", ".join(f"{axis} {what}" for axis, what in system.dims.items())
    lines = [
        f'"""Checks the gradients of {name} against automatic differentiation."""',
        "",
        *imports,
        "",
        "import rnnverify",
        "",
        "",
        f"# For code that lacks some of them: fixed={{{_fixed(system)}}}",
        '# Where it applies: clip="value:5", scale="1/T", gradients=[...], dims={"H": 32}',
        f"@rnnverify.gradient_test({which})",
        f"def test_{name.replace('.', '_')}(case):",
        f'    """{axes}."""',
        *(f"    {line}" for line in _body(system, name, code)),
    ]
    return "\n".join(lines) + "\n"


def _import(place: str) -> str:
    """Return the line that imports what a command line names.

    Raises:
        UsageError: if no such line can be written.
    """
    module, _, name = place.rpartition(":")
    found = Path(module).stem if module.endswith(".py") else module
    if not all(part.isidentifier() for part in found.split(".")):
        message = f"function: no module can be imported by the name {found!r}; rename {module}"
        raise UsageError(message)
    return f"from {found} import {name.split('.')[0]}"


def _fixed(system: "System") -> str:
    from rnnverify.conventions import lacking

    return ", ".join(f'"{name}": {value:g}' for name, value in lacking(system).items())


def _body(system: "System", name: str, code: Candidate) -> list[str]:
    parameters = _parameters(code)
    if len(parameters) == 1 and parameters[0].name not in system.arrays:
        return [f"return {name}(case)"]
    arrays = [
        f'{array} = case["{array}"]  # ({", ".join(axes.names)}){KINDS.get(axes.values, "")}'
        for array, axes in system.arrays.items()
    ]
    given = [_argument(parameter, system) for parameter in parameters] or list(system.arrays)
    unknown = [each.name for each in parameters if each.name not in system.arrays]
    returned = [
        f'    "{leaf}": gradients["{leaf}"],  # ({", ".join(system.arrays[leaf].names)})'
        for leaf in system.leaves
    ]
    return [
        *arrays,
        *([f"# FILL IN: {', '.join(unknown)}"] if unknown else []),
        *_called(name, given),
        "# FILL IN: where each gradient is in what is returned; those of states and inputs may go",
        "return {",
        *returned,
        "}",
    ]


def _called(name: str, given: Sequence[str]) -> list[str]:
    """Return a call in one line, or where that is long, with a line for each argument."""
    line = f"gradients = {name}({', '.join(given)})"
    if len(line) <= LONGEST:
        return [line]
    return [f"gradients = {name}(", *(f"    {each}," for each in given), ")"]


def _argument(parameter: inspect.Parameter, system: "System") -> str:
    """Return an argument of a call: by name, so that what is to be filled in may come first."""
    value = parameter.name if parameter.name in system.arrays else "..."
    by_place = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
    return value if by_place else f"{parameter.name}={value}"


def _parameters(code: Candidate) -> Sequence[inspect.Parameter]:
    """Return what a function takes, but for what may be left out, and the object that it is of."""
    try:
        found = inspect.signature(code).parameters.values()
    except (TypeError, ValueError):
        return []
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each for each in found if each.kind not in several and each.name != "self"]
