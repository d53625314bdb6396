"""Checks: what is to be gated, as ``[[tool.rnnverify.check]]`` of a pyproject.toml says it."""

import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from rnnverify.cli.requests import Options
from rnnverify.errors import UsageError
from rnnverify.reports.words import number

FILE = "pyproject.toml"
TABLE = "[[tool.rnnverify.check]]"
EXAMPLE = f"""\
{TABLE}
candidate = "my_rnn.py:gradients"
system = "char_rnn\""""


class Asked(NamedTuple):
    """What is asked for: options, and what may be left out of them.

    Attributes:
        options: Of one candidate, or of built-in models.
        cases: How many cases, if that is said.
        mutants: Whether mutants are counted, if that is said.
        where: Where it is asked for, as a message about it begins; "" on the command line.
    """

    options: Options
    cases: int | None = None
    mutants: bool | None = None
    where: str = ""


def find_checks(base: Options) -> list[Asked]:
    """Return the checks of the nearest pyproject.toml, from the current directory upwards.

    The file's folder becomes one in which Python looks for modules.

    Args:
        base: What the command line says, which a check's own keys go before.

    Returns:
        None if there is no such file, or no check in it.

    Raises:
        UsageError: if a check is not what it should be; it names the file, the check and the key.
    """
    file = next((p / FILE for p in (Path.cwd(), *Path.cwd().parents) if (p / FILE).is_file()), None)
    if file is None:
        return []
    found = [
        _check(f"{shown_path(file)}, check {number}", table, file.parent, base)
        for number, table in _tables(file)
    ]
    if found:
        click.echo(f"{number(len(found), 'check')} of {shown_path(file)}", err=True)
        sys.path.insert(0, str(file.parent))  # where modules are looked for that it names
    return found


def shown_path(path: Path) -> str:
    """Return a path from the current directory on."""
    return os.path.relpath(path)


def _tables(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{shown_path(file)}: cannot be read: {error}"
        raise UsageError(message) from None
    tool = read.get("tool", {})
    own = tool.get("rnnverify", {}) if isinstance(tool, dict) else {}
    unknown = ", ".join(sorted(set(own) - {"check"})) if isinstance(own, dict) else "something else"
    tables = own.get("check", []) if isinstance(own, dict) else []
    if unknown or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        message = (
            f"{shown_path(file)}: [tool.rnnverify] holds {unknown or 'a check that is no table'}; "
            f"write\n{EXAMPLE}"
        )
        raise UsageError(message)
    yield from enumerate(tables, 1)


def _check(where: str, table: Mapping[str, Any], folder: Path, base: Options) -> Asked:
    unknown = [name for name in table if name not in _READERS]
    if unknown:
        message = f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(_READERS)}"
        raise UsageError(message)
    try:
        given = {name: _READERS[name](name, value) for name, value in table.items()}
    except UsageError as error:
        message = f"{where}: {error}"
        raise UsageError(message) from None
    if "system" not in given and "candidate" not in given:
        message = f"{where}: says neither what to check nor against what; write\n{EXAMPLE}"
        raise UsageError(message)
    mutants, cases = given.pop("mutants", None), given.pop("cases", None)
    candidate = given.pop("candidate", None)
    system = given.pop("system", None)
    options = replace(
        base,
        **given,
        candidate=candidate and _from(folder, candidate),
        system=() if system is None else (_from(folder, system),),
        name=candidate,
    )
    return Asked(options, cases, mutants, f"{where}: ")


def _from(folder: Path, text: str) -> str:
    """Return what is loaded from a file beside the pyproject.toml, seen from here."""
    place, colon, name = text.rpartition(":")
    if not place.endswith(".py") or Path(place).is_absolute():
        return text
    return f"{shown_path(folder / place)}{colon}{name}"


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _refused(name, value, 'a text, such as "char_rnn"')
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str) and each for each in values):
        raise _refused(name, value, 'a text or a list of texts, such as ["none", "value:5"]')
    return tuple(values)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(name, value, "true or false")
    return value


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refused(name, value, "a whole number, such as 200")
    return value


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _refused(name, value, "a number, such as 5")
    return value


def _number_or_text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refused(name, value, 'a number or a text, such as 5 or "1/T"')
    return str(value)


def _sizes(name: str, value: Any) -> tuple[str, ...]:
    pairs = value.items() if isinstance(value, dict) else []
    if not pairs:
        raise _refused(name, value, "a table of sizes, such as {H = 32, T = [1, 8]}")
    return tuple(f"{axis}={_size(name, size)}" for axis, size in pairs)


def _size(name: str, value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:  # noqa: PLR2004 - from, to
        return f"{_whole(name, value[0])}..{_whole(name, value[1])}"
    return str(_whole(name, value))


def _numbers(name: str, value: Any) -> tuple[str, ...]:
    pairs = value.items() if isinstance(value, dict) else []
    if not pairs:
        raise _refused(name, value, "a table of numbers, such as {h0 = 0, loss_weights = 1}")
    return tuple(f"{array}={_number(name, number)!r}" for array, number in pairs)


def _refused(name: str, value: Any, right: str) -> UsageError:
    return UsageError(f"{name}: {value!r} is not {right}")


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "candidate": _text,
    "system": _text,
    "clip": _texts,
    "dtype": _texts,
    "cases": _whole,
    "lengths": _flag,
    "truncate": _number_or_text,
    "gradients": _texts,
    "scale": _number_or_text,
    "dims": _sizes,
    "fixed": _numbers,
    "clip_over": _texts,
    "digits": _number,
    "timeout": _number,
    "mutants": _flag,
}
