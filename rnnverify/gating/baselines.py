"""Baselines: what is kept of the reports on checks, to be compared with later ones."""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from rnnverify import __version__
from rnnverify.errors import UsageError
from rnnverify.results import Place, Report
from rnnverify.runs import Run
from rnnverify.verdicts import VerdictKind

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
