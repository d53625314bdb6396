"""Words and figures that several reporters use, whatever they write."""

import math
import re
import unicodedata
from collections.abc import Collection, Sequence

from rnnverify.results import Failure, Report
from rnnverify.verdicts import VERDICT_KINDS, Comparison

VAST = 1e99
"""Errors of more tolerances than this are told as such: the entry should be zero."""
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""What terminals take as colours and the like."""
NONCHARACTERS = "\ufffe\uffff"
"""XML cannot hold them, though they are no control characters."""


def plain(text: str) -> str:
    r"""Return text that every file format can hold: colours gone, odd characters spelt out.

    Newlines and tabs stay; other control characters, lone surrogates and the like become what
    Python would write for them, such as ``\x00``.
    """
    text = ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(_spelt(c) if _is_odd(c) else c for c in text)


def _is_odd(character: str) -> bool:
    if character in "\n\t":
        return False
    return unicodedata.category(character) in ("Cc", "Cs") or character in NONCHARACTERS


def _spelt(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def cut(text: str, most: int) -> str:
    """Return text of no more than ``most`` characters, that says so where some are missing."""
    if len(text) <= most:
        return text
    note = f" … ({len(text)} characters)"
    return text[: most - len(note)] + note


def badness(report: Report) -> int:
    """Return how bad a report is: 0 where all is well, and more the worse it is."""
    return VERDICT_KINDS.index(report.verdict)


def system_of(report: Report) -> str:
    """Return a system's name, and what was asked for besides."""
    truncate = f" truncate {report.truncate}" if report.truncate else ""
    return f"{report.system}{truncate}{' lengths' if report.lengths else ''}"


def way_of(report: Report) -> str:
    """Return in which way a candidate was verified: dtype, clip, input, and what else was asked."""
    said = held_to(report)
    return f"{report.dtype}, clip {report.clip}, {report.input}{said and f', {said}'}"


def held_to(report: Report) -> str:
    """Return what was asked for besides, as options; "" where nothing was."""
    return ", ".join(f"{name}={value}" for name, value in report.options.items())


def has_candidates(reports: Sequence[Report]) -> bool:
    """Whether a system has more than one candidate, so that each has to be named."""
    candidates = {(report.system, report.candidate) for report in reports}
    return len(candidates) > len({report.system for report in reports})


def has_terms(reports: Sequence[Report]) -> bool:
    """Whether not all were held to the same, so that tables have to tell it of each."""
    return len({held_to(report) for report in reports}) > 1


def is_known(report: Report, known: Collection[Report]) -> bool:
    """Whether a report is one of those that fail as a baseline says."""
    return not report.ok and any(each is report for each in known)


def gist(report: Report) -> str:
    """Return in a sentence what is wrong; "" where nothing is."""
    if report.failure is not None:
        return report.failure.message
    return weakness(report) if report.verdict == "inconclusive" else ""


def has_figures(failure: Failure) -> bool:
    """Whether a failure is about an entry of a gradient."""
    return failure.gradient is not None and failure.verdict.kind != "nondeterministic"


def figures(failure: Failure) -> list[str]:
    """Return what the entry that is furthest off is, and what it should be."""
    (worst,) = (e for e in failure.verdict.comparisons if e.gradient == failure.gradient)
    where = ", ".join(map(str, worst.index))
    lines = [
        f"at d{worst.gradient}[{where}]",
        f"  got        {worst.got!r}",
        f"  want       {worst.want!r}",
        f"  tolerance  {worst.tolerance:.2g}",
        f"  error      {times(worst)}; {worst.agree:.1f} of {worst.digits:.1f} digits agree",
    ]
    if failure.step is not None:
        lines.append(f"the loss of step {failure.step} alone shows it")
    return lines


def spread(report: Report) -> str:
    """Return how often each gradient differs: the smallest case seldom shows all that is wrong."""
    differ = {name: each.differ for name, each in report.gradients.items()}
    wrong = [f"d{name} in {n}" for name, n in differ.items() if n]
    right = [f"d{name}" for name, n in differ.items() if not n]
    rest = f"; {', '.join(right)} in none" if right else ""
    return f"of {number(report.cases, 'case')}, {', '.join(wrong)} differ{rest}"


def times(worst: Comparison) -> str:
    """Return an error in words."""
    if worst.kind == "nonfinite":
        return "not finite"
    if worst.want == 0:
        return "should be zero"
    return f"{worst.worst:.3g} times the tolerance"


def share_conclusive(report: Report) -> float | None:
    """Return the share of cases that are conclusive, of those that are not all zero."""
    possible = report.cases - sum(report.counts.get(kind, 0) for kind in ("zero", "invalid"))
    if possible < 1:
        return None
    return 1 - report.counts.get("inconclusive", 0) / possible


def conclusive(report: Report) -> str:
    """Return the share of cases that are conclusive, as tables show it."""
    share = share_conclusive(report)
    return "-" if share is None else f"{share:.0%}"


def fewest_digits(report: Report) -> float | None:
    """Return the digits that agree of the gradient with the fewest; None where there are none."""
    return min((e.agree for e in report.gradients.values() if e.agree is not None), default=None)


def digits(report: Report) -> str:
    """Return the digits that agree, as tables show them."""
    agree = fewest_digits(report)
    return "-" if agree is None else f"{agree:.1f}"


def largest_error(report: Report) -> float | None:
    """Return the largest error in tolerances; None where there was nothing to judge."""
    return max((e.worst for e in report.gradients.values() if e.worst is not None), default=None)


def worst(report: Report) -> str:
    """Return the largest error in tolerances, as tables show it."""
    error = largest_error(report)
    if error is None:
        return "-"
    return f"{error:.2g}" if not VAST < error < math.inf else f">{VAST:.0e}"


def clipped(report: Report) -> str:
    """Return in how many cases the clip changed a gradient, as tables show it."""
    return "-" if report.clip == "none" else f"{report.clip_active:.0%}"


def remarks(reports: Sequence[Report]) -> list[str]:
    """Return what is odd but no failure, each once."""
    found: dict[str, None] = {}
    are_many, in_table = has_candidates(reports), has_terms(reports)
    for report in reports:
        who = f"{report.candidate} {system_of(report)}" if are_many else system_of(report)
        where = f"{who} {report.dtype} clip {report.clip}"
        said = "" if in_table else held_to(report)
        found |= {f"note: {system_of(report)}: held to {said}": None} if said else {}
        found |= dict.fromkeys(f"note: {where}: {note}" for note in report.notes)
        found |= dict.fromkeys(f"note: {where}: {each}" for each in _unhygienic(report))
        if report.unchecked:
            names = ", ".join(f"d{name}" for name in report.unchecked)
            found |= {f"note: {who}: {names} not checked (not returned)": None}
        if report.verdict == "inconclusive":
            found |= {f"note: {where}: {weakness(report)}": None}
    return list(found)


def _unhygienic(report: Report) -> list[str]:
    """Return the hygiene checks that found something, but for what the failure tells anyway."""
    told = report.failure.verdict.text if report.failure else ""
    found = {n: text for n, text in report.hygiene.items() if text not in ("ok", "not checked")}
    return [f"{name}: {text}" for name, text in found.items() if text not in told]


def weakness(report: Report) -> str:
    """Return why a report is inconclusive."""
    weak = [
        f"d{name} was conclusive in {report.gradients[name].conclusive} of "
        f"{number(report.gradients[name].nonzero, 'case')} where it is not zero"
        for name in report.weak
    ]
    return "; ".join(weak) or "no case was conclusive"


def number(n: int, what: str) -> str:
    """Return so many of something, such as ``1 run`` and ``2 runs``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def summary(reports: Sequence[Report], known: Collection[Report] = ()) -> str:
    """Return all reports in a line.

    Args:
        reports: All of them.
        known: Those that fail as a baseline says.
    """
    expected = sum(is_known(report, known) for report in reports)
    failed = sum(not report.ok for report in reports) - expected
    runs = number(len(reports), "run")
    checks = number(sum(report.cases for report in reports), "check")
    also = number(expected, "known failure")
    if failed:
        verb = "is" if failed == 1 else "are"
        return f"{failed} of {runs} {verb} no match{f'; {also}' if expected else ''} ({checks})"
    return f"{f'{also}, no other' if expected else 'every gradient matches'} ({runs}, {checks})"
