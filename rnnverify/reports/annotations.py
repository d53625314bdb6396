"""Reports as GitHub's workflow commands, which it shows beside the lines that they are about."""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rnnverify.reports import words
from rnnverify.reports.pointing import pointed
from rnnverify.results import Place, Regression, Report

MOST = 10
"""How many errors GitHub shows of a step, and how many warnings."""
LONGEST_TITLE = 200
LONGEST_LINE = 1000
LONGEST_MESSAGE = 4000
"""GitHub cuts messages after 4096 characters."""
WHAT = {
    "inconclusive": "too little was conclusive",
    "scaled": "every gradient is off by one factor",
    "nondeterministic": "gradients differ from call to call",
    "invalid": "the candidate is invalid",
}
"""What is wrong, where it is not one gradient."""
HOW = {"nonfinite": "not finite"}


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """One thing to be shown, at a line of a file of the repository or at none."""

    level: Literal["error", "warning"]
    title: str
    message: str
    place: Place | None = None

    def __str__(self) -> str:
        path = None if self.place is None else in_workspace(self.place.file)
        where = {} if path is None else {"file": path, "line": str(self.place and self.place.line)}
        title = words.cut(" ".join(words.plain(self.title).split()), LONGEST_TITLE)
        properties = ",".join(f"{k}={_value(v)}" for k, v in (where | {"title": title}).items())
        message = words.cut(words.plain(self.message), LONGEST_MESSAGE)
        return f"::{self.level} {properties}::{_data(message)}"


def annotations(
    reports: Sequence[Report],
    regressions: Sequence[Regression] = (),
    *,
    known: Collection[Report] = (),
) -> str:
    """Return workflow commands, a line each, to be printed in a step of GitHub's.

    An error for each candidate that is no match, whatever the clips and dtypes, and for each
    regression that is not told by that; a warning where too little was conclusive, or where it is
    no worse than a baseline says. The worst comes first, since GitHub shows ten errors of a step;
    where there are more, the tenth says so.

    Args:
        reports: Those that match need none.
        regressions: What is worse than a baseline says.
        known: Those that fail as a baseline says.
    """
    failed = sorted((each for each in reports if not each.ok), key=words.badness, reverse=True)
    expected = [each for each in failed if words.is_known(each, known)]
    failed = [each for each in failed if not words.is_known(each, known)]
    found = [_of_reports(alike) for alike in _alike(failed)]
    found += [_of_known(alike) for alike in _alike(expected)]
    found += [_of_regression(each) for each in regressions if not _is_told(each, failed)]
    errors = [each for each in found if each.level == "error"]
    warnings = [each for each in found if each.level == "warning"]
    return "".join(f"{each}\n" for each in (*_most(errors), *_most(warnings)))


def in_workspace(file: str) -> str | None:
    """Return a file as GitHub names it, from the repository on; None where it is not in there.

    The repository is where GITHUB_WORKSPACE says, or else the current directory.
    """
    root = os.environ.get("GITHUB_WORKSPACE") or "."
    try:
        path = Path(file).resolve()
        return path.relative_to(Path(root).resolve()).as_posix() if path.is_file() else None
    except (OSError, ValueError):
        return None


def _alike(reports: Iterable[Report]) -> Iterable[list[Report]]:
    """Return reports that say the same of the same candidate together."""
    groups: dict[tuple[object, ...], list[Report]] = {}
    for each in reports:
        key = (words.system_of(each), each.candidate, each.verdict, each.place)
        groups.setdefault(key, []).append(each)
    return groups.values()


def _of_reports(alike: Sequence[Report]) -> Annotation:
    """Return one annotation of reports that are alike: of the first whose bug is known."""
    shown = next((each for each in alike if each.failure and each.failure.diagnosis), alike[0])
    return Annotation(
        level="warning" if shown.verdict == "inconclusive" else "error",
        title=_title(shown),
        message="\n".join(_message(shown, [each for each in alike if each is not shown])),
        place=pointed(shown),
    )


def _of_known(alike: Sequence[Report]) -> Annotation:
    """Return one annotation of reports that are alike, and fail as a baseline says."""
    made = _of_reports(alike)
    return replace(made, level="warning", title=f"{made.title} (known, as in the baseline)")


def _title(report: Report) -> str:
    diagnosis = report.failure and report.failure.diagnosis
    known = f", as with {diagnosis.name}" if diagnosis and diagnosis.kind == "mutant" else ""
    return f"rnnverify, {words.system_of(report)}: {_what(report)}{known}"


def _what(report: Report) -> str:
    """Return what is wrong, in a few words."""
    failure = report.failure
    if report.verdict in WHAT or failure is None or failure.gradient is None:
        return WHAT.get(report.verdict, report.verdict)
    wrong = {*failure.gradients, *(n for n, each in report.gradients.items() if each.differ)}
    more = len(wrong - {failure.gradient})
    which = f"d{failure.gradient} and {more} more are" if more else f"d{failure.gradient} is"
    return f"{which} {HOW.get(report.verdict, report.verdict)}"


def _message(report: Report, others: Sequence[Report]) -> Iterable[str]:
    """Yield the lines to be shown: what, why, in which runs, and how to see it again."""
    yield words.cut(words.gist(report), LONGEST_LINE)
    failure = report.failure
    yield from (words.cut(each, LONGEST_LINE) for each in (failure.reasons if failure else ()))
    yield f"{report.candidate}, {words.way_of(report)}"
    if others:
        yield words.cut(f"also: {'; '.join(map(words.way_of, others))}", LONGEST_LINE)
    if failure is not None:
        yield f"replay: {failure.replay}"


def _of_regression(found: Regression) -> Annotation:
    return Annotation(
        level="error",
        title=f"rnnverify, {found.check}: worse than the baseline ({found.kind})",
        message=found.text,
        place=found.place,
    )


def _is_told(found: Regression, failed: Iterable[Report]) -> bool:
    """Whether an error tells a regression anyway: that its verdict is no match any more."""
    errors = (each for each in failed if each.verdict != "inconclusive" and each.place is not None)
    return found.kind == "verdict" and found.place in [each.place for each in errors]


def _most(found: Sequence[Annotation]) -> Sequence[Annotation]:
    """Return as many as GitHub shows; the last says how many more there are."""
    if len(found) <= MOST:
        return found
    shown, more = found[: MOST - 1], found[MOST - 1 :]
    titles = "\n".join(each.title for each in more)
    told = Annotation(level=more[0].level, title=f"and {len(more)} more", message=titles)
    return (*shown, told)


def _data(text: str) -> str:
    """Return text as GitHub's toolkit escapes messages."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    """Return text as GitHub's toolkit escapes properties."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
