"""The page: reports in the order in which they matter, with their pictures, in one HTML file."""

import platform
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata, resources

from jinja2 import Environment, StrictUndefined

from rnnverify import __version__
from rnnverify.regimes import TABLES
from rnnverify.reports import words
from rnnverify.reports.html.agreement import digits
from rnnverify.reports.html.colours import BEYOND, KEPT, NOT_FINITE, NOT_REACHED, gradient
from rnnverify.reports.html.coverage import regimes
from rnnverify.reports.html.heatmaps import panels, steps
from rnnverify.reports.html.pictures import Picture
from rnnverify.reports.html.sheets import drawing
from rnnverify.reports.html.unrolled import unroll
from rnnverify.results import Failure, Regression, Report

SIGNS = {"match": "✓", "inconclusive": "?"}
PARTS = ("failed", "known", "kept")
OPEN = 10
"""Notes that are shown without a click."""
SCALE = {
    "kept": gradient(KEPT),
    "beyond": gradient(BEYOND),
    "infinite": NOT_FINITE,
    "unreached": NOT_REACHED,
}
"""The colours of errors, for the page's style."""


@dataclass(frozen=True)
class Shown:
    """One report, as the page shows it.

    Attributes:
        number: Its number among all, from 1.
        report: The report.
        is_known: Whether it fails as a baseline says.
        network: The failing case.
        panels: The error of each gradient, entry by entry.
        steps: The error of each gradient, step by step.
        digits: The digits that agree.
    """

    number: int
    report: Report
    is_known: bool
    network: Picture | None
    panels: Sequence[Picture]
    steps: Picture | None
    digits: Picture | None

    @property
    def is_failed(self) -> bool:
        """Whether it is no match, and should be one."""
        return not self.report.ok and not self.is_known

    @property
    def verdict(self) -> str:
        """Its verdict in words."""
        return f"{self.report.verdict}, known" if self.is_known else self.report.verdict

    @property
    def style(self) -> str:
        """What its verdict looks like: ``right``, ``unsure`` or ``wrong``."""
        if self.report.ok:
            return "right"
        is_unsure = self.is_known or self.report.verdict == "inconclusive"
        return "unsure" if is_unsure else "wrong"

    @property
    def sign(self) -> str:
        """What stands for its verdict, beside the colour."""
        return SIGNS.get(self.report.verdict, "✗")

    @property
    def title(self) -> str:
        """What tells it from others."""
        report = self.report
        return f"{words.system_of(report)}, {words.way_of(report)}"

    @property
    def remarks(self) -> list[str]:
        """What is odd but no failure, and what could be declared."""
        noted = [each.removeprefix("note: ") for each in words.remarks([self.report])]
        return [*(f"hint: {hint}" for hint in self.report.hints), *noted]


@dataclass(frozen=True)
class Run:
    """The reports on one run's cases, under each clip, and in which regimes those cases are."""

    shown: Sequence[Shown]
    regimes: Sequence[Picture]

    @property
    def part(self) -> str:
        """Where it is to stand on the page: under ``failed``, ``known`` or ``kept``."""
        if any(each.is_failed for each in self.shown):
            return "failed"
        return "known" if any(each.is_known for each in self.shown) else "kept"


def render(
    reports: Sequence[Report],
    regressions: Sequence[Regression],
    *,
    known: Collection[Report],
    notes: Sequence[str],
    title: str,
    drawn: Callable[[], None],
) -> str:
    """Return the page; see ``rnnverify.reports.html.html``."""
    with drawing():
        shown = [_shown(i, report, known, drawn) for i, report in enumerate(reports, 1)]
        runs = [_run(each) for each in _grouped(shown)]
    values = {
        "title": title,
        "summary": words.summary(reports, known),
        "failed": any(each.is_failed for each in shown),
        "regressions": regressions,
        "notes": notes,
        "open": OPEN,
        "shown": shown,
        "has_terms": words.has_terms(reports),
        "runs": {part: [run for run in runs if run.part == part] for part in PARTS},
        "versions": _versions(),
        "scale": SCALE,
        "words": words,
        "figures": _figures,
    }
    return words.plain(_environment().from_string(_read("page.html.j2")).render(values)) + "\n"


def _environment() -> Environment:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["figure"] = lambda value: "-" if value is None else f"{value:.3g}"
    made.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return made


def _read(name: str) -> str:
    return resources.files("rnnverify.reports.html").joinpath(name).read_text(encoding="utf-8")


def _versions() -> list[tuple[str, str]]:
    found = ((name, metadata.version(name)) for name in ("numpy", "jax"))
    return [("rnnverify", __version__), ("Python", platform.python_version()), *found]


def _shown(
    number: int, report: Report, known: Collection[Report], drawn: Callable[[], None]
) -> Shown:
    made = Shown(
        number=number,
        report=report,
        is_known=words.is_known(report, known),
        network=unroll(report, report.failure) if report.failure else None,
        panels=panels(report),
        steps=steps(report),
        digits=digits(report),
    )
    drawn()
    return made


def _grouped(shown: Iterable[Shown]) -> Iterable[list[Shown]]:
    """Return together what was found out on the same cases, under one clip or another."""
    groups: dict[tuple[object, ...], list[Shown]] = {}
    for each in shown:
        report = each.report
        key = (report.candidate, words.system_of(report), report.dtype, report.input, report.seed)
        cases = (report.cases, tuple(sorted(report.regimes.items())))
        groups.setdefault(key + cases, []).append(each)
    return groups.values()


def _run(shown: Sequence[Shown]) -> Run:
    report = shown[0].report
    covered = regimes(report, TABLES) if report.input == "generated" and report.regimes else []
    ordered = sorted(shown, key=lambda each: (not each.is_failed, each.report.ok))
    return Run(ordered, covered)


def _figures(failure: Failure) -> list[tuple[str, str]]:
    """Return what the entry that is furthest off is, and what it should be, name by name."""
    (worst,) = (e for e in failure.verdict.comparisons if e.gradient == failure.gradient)
    where = ", ".join(map(str, worst.index))
    return [
        ("at", f"d{worst.gradient}[{where}]"),
        ("got", repr(worst.got)),
        ("want", repr(worst.want)),
        ("tolerance", f"{worst.tolerance:.2g}"),
        ("error", words.times(worst)),
        ("digits", f"{worst.agree:.1f} of {worst.digits:.1f} agree"),
    ]
