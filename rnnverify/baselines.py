"""Baselines: what checks found out when all was well, as a file in somebody's repository.

The file is JSON, in an order and in a form that make its changes easy to review: one line for each
gradient, figures rounded to what is compared.
"""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rnnverify import __version__
from rnnverify.defining import shown
from rnnverify.errors import UsageError
from rnnverify.files import write_whole
from rnnverify.results import Place, Report
from rnnverify.runs import Run
from rnnverify.verdicts import VERDICT_KINDS, VerdictKind

KIND = "rnnverify baseline"
FORMAT = 1
LARGEST = 2**26
"""Bytes; no baseline is larger."""
SIZES = "sizes"
"""Where the file has those regimes that are none of a table's choices, such as ``T = 1``."""
PACKAGES = ("hypothesis", "jax", "numpy")


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """One gradient's figures.

    Attributes:
        worst: The largest error, in tolerances; None where nothing was judged, or not finite.
        agree: The median of the decimal digits that agree; None where nothing was conclusive.
        conclusive: In how many percent of the cases in which it is not zero it was conclusive.
    """

    worst: float | None
    agree: float | None
    conclusive: float | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is known of a check under one clip.

    Attributes:
        verdict: The verdict.
        conclusive: In how many percent of the cases something could be told; None of no case.
        active: In how many percent of the cases the clip changed a gradient.
        gradients: Each gradient's figures.
    """

    verdict: VerdictKind
    conclusive: float | None
    active: float
    gradients: Mapping[str, Gradient]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known of a check.

    Attributes:
        cases: How many cases there were.
        seed: The seed of its run.
        regimes: Which regimes they were of.
        clips: The figures under each clip.
        pace: The time of a call in evaluations of the reference; None where it was not measured.
        place: Where the candidate is defined; not in the file.
    """

    cases: int
    seed: int
    regimes: tuple[str, ...]
    clips: Mapping[str, Figures]
    pace: float | None = None
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Kills:
    """How many mutants were killed, of how many, and which survived."""

    killed: int
    of: int
    survived: tuple[str, ...] = ()

    @classmethod
    def counted(cls, killed: Mapping[str, bool]) -> "Kills":
        """Return what is kept of which mutants were killed."""
        survived = tuple(sorted(name for name, dead in killed.items() if not dead))
        return cls(killed=len(killed) - len(survived), of=len(killed), survived=survived)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What is known of all checks.

    Attributes:
        checks: By what identifies a check: the candidate, its system, its dtype, its options.
        mutants: By the system, or the check, whose mutants they are.
        versions: Of Python and of the packages that figures depend on.
    """

    checks: Mapping[str, Entry]
    mutants: Mapping[str, Kills] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Return the versions of what figures depend on."""
    found = {name: version(name) for name in PACKAGES}
    return {"rnnverify": __version__, "python": platform.python_version(), **found}


def check_of(made: Report | Run) -> str:
    """Return what identifies a check; it is the same under every clip, and for every seed."""
    if isinstance(made, Run):
        words = [made.name, made.system.name, made.dtype, made.source.kind]
        truncate = str(made.truncation or "")
    else:
        words = [made.candidate, made.system, made.dtype, made.input]
        truncate = made.truncate or ""
    said = {"lengths": made.lengths, "truncate": truncate, **made.options}
    pairs = [f"{name}={value}" for name, value in said.items() if value]
    return " ".join([*(word for word in words if word != "generated"), *pairs])


def entries_of(reports: Sequence[Report]) -> dict[str, Entry]:
    """Return what a baseline keeps of reports.

    Raises:
        UsageError: if two are on the same check under the same clip.
    """
    together: dict[str, dict[str, Report]] = {}
    for report in reports:
        clips = together.setdefault(check_of(report), {})
        if report.clip in clips:
            message = (
                f"checks: {check_of(report)} is checked twice under clip {report.clip}; once is "
                "enough"
            )
            raise UsageError(message)
        clips[report.clip] = report
    return {check: _entry(clips) for check, clips in together.items()}


def _entry(clips: Mapping[str, Report]) -> Entry:
    first = next(iter(clips.values()))
    return Entry(
        cases=first.cases,
        seed=first.seed,
        regimes=tuple(sorted(first.regimes)),
        clips={clip: figures_of(report) for clip, report in clips.items()},
        place=first.place,
    )


def figures_of(report: Report) -> Figures:
    """Return what a baseline keeps of one report."""
    possible = report.cases - sum(report.counts.get(kind, 0) for kind in ("zero", "invalid"))
    told = possible - report.counts.get("inconclusive", 0)
    gradients = {
        name: Gradient(
            worst=_rounded(each.worst),
            agree=None if each.agree is None else round(each.agree, 1),
            conclusive=_percent(each.conclusive, each.nonzero),
        )
        for name, each in report.gradients.items()
    }
    return Figures(
        verdict=report.verdict,
        conclusive=_percent(told, possible),
        active=round(100 * report.clip_active, 1),
        gradients=gradients,
    )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole > 0 else None


def _rounded(error: float | None) -> float | None:
    return None if error is None or not math.isfinite(error) else float(f"{error:.2g}")


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
    how = f"make one with: rnnverify gate --baseline {path} --update"
    try:
        text = _read(file)
    except FileNotFoundError:
        message = f"--baseline: there is no file {path}; {how}"
        raise UsageError(message) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"--baseline: cannot read {path}: {error}"
        raise UsageError(message) from None
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        message = (
            f"--baseline: {path} is no JSON, or was damaged (by a merge?): {error}; restore it, or "
            f"remove it and {how}"
        )
        raise UsageError(message) from None
    return _baseline(path, values, how)


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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
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
    return Entry(
        cases=int(values["cases"]),
        seed=int(values["seed"]),
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
