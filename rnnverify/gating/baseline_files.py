"""Baselines as files, to be kept in somebody's repository.

JSON, in an order and in a form that make changes easy to review: one line for each gradient,
figures rounded to what is compared.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rnnverify.defining import shown
from rnnverify.errors import UsageError
from rnnverify.files import write_whole
from rnnverify.gating.baselines import Baseline, Entry, Figures, Gradient, Kills
from rnnverify.verdicts import VERDICT_KINDS, VerdictKind

KIND = "rnnverify baseline"
FORMAT = 1
LARGEST = 2**26
"""Bytes; no baseline is larger."""
SIZES = "sizes"
"""Where the file has those regimes that are none of a table's choices, such as ``T = 1``."""


def write_baseline(path: str | os.PathLike[str], baseline: Baseline) -> None:
    """Write a baseline, whole or not at all; the same baseline gives the same bytes.

    Raises:
        UsageError: if it cannot be written.
    """
    values = {
        "kind": KIND,
        "format": FORMAT,
        "versions": dict(sorted(baseline.versions.items())),
        "checks": {check: _values(entry) for check, entry in sorted(baseline.checks.items())},
        "mutants": {name: asdict(kills) for name, kills in sorted(baseline.mutants.items())},
    }
    try:
        write_whole(Path(path), f"{_text(values)}\n".encode())
    except OSError as error:
        message = f"--baseline: cannot write {shown(os.fspath(path))}: {error.strerror or error}"
        raise UsageError(message) from None


def _values(entry: Entry) -> dict[str, Any]:
    tables: dict[str, list[str]] = {}
    for regime in entry.regimes:
        table, _, choice = regime.rpartition(": ")
        tables.setdefault(table or SIZES, []).append(choice)
    values = {"cases": entry.cases, "seed": entry.seed, "regimes": tables, "pace": entry.pace}
    return {**values, "clips": {clip: asdict(each) for clip, each in entry.clips.items()}}


def _text(value: Any, indent: str = "") -> str:
    """Return a value as JSON, each mapping of mappings or of lists on lines of its own."""
    if not isinstance(value, Mapping) or not any(_is_nested(each) for each in value.values()):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    deeper = f"{indent}  "
    lines = [
        f"{deeper}{json.dumps(name, ensure_ascii=False)}: {_text(each, deeper)}"
        for name, each in value.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def read_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Read a baseline.

    Raises:
        UsageError: if there is none, or it is damaged, or something else.
    """
    file, path = Path(path), shown(os.fspath(path))
    how = f"make one with the same command: rnnverify gate ... --baseline {path} --update"
    try:
        text = _read(file)
    except FileNotFoundError:
        message = f"--baseline: there is no file {path}; {how}"
        raise UsageError(message) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"--baseline: cannot read {path}: {error}"
        raise UsageError(message) from None
    try:
        values = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        message = (
            f"--baseline: {path} is no JSON, or was damaged (by a merge?): {error}; restore it, or "
            f"remove it and {how}"
        )
        raise UsageError(message) from None
    return _baseline(path, values, how)


def _refuse(constant: str) -> float:
    message = f"{constant} is no figure"
    raise ValueError(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return what is in braces; a merge that keeps both sides leaves some of it there twice."""
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{', '.join(twice)} stands there twice"
        raise ValueError(message)
    return dict(pairs)


def _read(path: Path) -> str:
    if path.exists() and not path.is_file():
        message = "it is no plain file"
        raise OSError(message)
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        message = f"it has more than {LARGEST} bytes, which no baseline has"
        raise OSError(message)
    return content.decode()


def _baseline(path: str, values: Any, how: str) -> Baseline:
    if not isinstance(values, dict) or values.get("kind") != KIND:
        message = (
            f"--baseline: {path} is JSON, but no baseline of rnnverify's (its kind would be "
            f"{KIND!r}); name another file, and {how}"
        )
        raise UsageError(message)
    if values.get("format") != FORMAT:
        message = (
            f"--baseline: {path} has format {values.get('format')!r}; this version reads "
            f"{FORMAT}; remove it and {how}"
        )
        raise UsageError(message)
    try:
        return Baseline(
            checks={str(name): _entry_from(each) for name, each in values["checks"].items()},
            mutants={str(name): _kills_from(each) for name, each in values["mutants"].items()},
            versions={str(name): str(each) for name, each in values["versions"].items()},
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        message = (
            f"--baseline: {path} is damaged: {type(error).__name__}: {error}; restore it, or "
            f"remove it and {how}"
        )
        raise UsageError(message) from None


def _entry_from(values: dict[str, Any]) -> Entry:
    regimes = [
        choice if table == SIZES else f"{table}: {choice}"
        for table, choices in values["regimes"].items()
        for choice in choices
    ]
    cases, seed = int(values["cases"]), int(values["seed"])
    if cases < 1 or seed < 0:
        message = f"cases: {cases}, seed: {seed}"
        raise ValueError(message)
    return Entry(
        cases=cases,
        seed=seed,
        regimes=tuple(sorted(regimes)),
        pace=_number(values["pace"]),
        clips={str(clip): _figures_from(each) for clip, each in values["clips"].items()},
    )


def _figures_from(values: dict[str, Any]) -> Figures:
    verdict: VerdictKind = VERDICT_KINDS[VERDICT_KINDS.index(values["verdict"])]
    return Figures(
        verdict=verdict,
        conclusive=_number(values["conclusive"]),
        active=float(values["active"]),
        gradients={
            str(name): Gradient(
                worst=_number(each["worst"]),
                agree=_number(each["agree"]),
                conclusive=_number(each["conclusive"]),
            )
            for name, each in values["gradients"].items()
        },
    )


def _kills_from(values: dict[str, Any]) -> Kills:
    survived = tuple(str(name) for name in values["survived"])
    return Kills(killed=int(values["killed"]), of=int(values["of"]), survived=survived)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
