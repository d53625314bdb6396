"""Reports as Markdown, as GitHub shows it in the summary of a step."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from textwrap import dedent

from rnnverify.reports import words
from rnnverify.reports.terminal import failure_lines
from rnnverify.results import Place, Regression, Report

LIMIT = 1024 * 1024
"""Bytes that GitHub shows in the summary of a step; of what is larger it shows nothing."""
OPEN = 10
"""Failures, and rows of matching runs, that are shown without a click."""
MOST_ROWS = 1000
LONGEST_NAME = 200
LONGEST_TEXT = 2000
LONGEST_BLOCK = 20_000
MARKUP = re.compile(r"[\\`*\[\]<>&|~$@#!\"]|(?<!\w)_|_(?!\w)|:(?=//|[\w+-]+:)")
"""What means something to GitHub within a line; an underscore within a word does not, nor a colon
that begins neither an address nor an emoji."""
NAMES = ("verdict", "system", "candidate", "held to", "input", "dtype", "clip")
FIGURES = ("cases", "conclusive", "digits", "worst", "clipped")


@dataclass(frozen=True)
class Section:
    """A part of the page that is whole by itself, and what to call it where it has no room."""

    kind: str
    text: str


def markdown(
    reports: Sequence[Report],
    regressions: Sequence[Regression] = (),
    *,
    known: Collection[Report] = (),
    notes: Sequence[str] = (),
    heading: str = "rnnverify",
) -> str:
    """Return reports as Markdown of less than GitHub's limit of 1 MiB.

    First a line that says whether all is well; then regressions, what is no match, worst first,
    known failures, and folded what matches. Where there is too much, a last line says what was left
    out.

    Args:
        reports: In the order in which those that match are to stand.
        regressions: What is worse than a baseline says.
        known: Those that fail as a baseline says, and so are no failures here.
        notes: What else there is to tell, as a gate does.
        heading: The heading above it all.
    """
    head = [
        Section("heading", f"## {inline(heading)}"),
        Section("summary", _verdict(reports, regressions, known)),
    ]
    worst = sorted((each for each in reports if not each.ok), key=words.badness, reverse=True)
    expected = [each for each in worst if words.is_known(each, known)]
    failed = [each for each in worst if not words.is_known(each, known)]
    has_terms = words.has_terms(reports)
    told = [
        *_failed("No match", failed, OPEN, has_terms=has_terms),
        *_failed("Known failures, as in the baseline", expected, 0, has_terms=has_terms),
        *_matching(reports, has_terms=has_terms),
    ]
    remarks = [each.removeprefix("note: ") for each in words.remarks(reports)]
    listed = [*_notes("gate note", notes), *_notes("note", remarks, is_shown=False)]
    return _joined([*head, *_regressions(regressions), *told, *listed])


def inline(text: str, most: int = LONGEST_NAME) -> str:
    """Return text that is shown as it stands, wherever within a line of Markdown it is put."""
    one_line = " ".join(words.cut(words.plain(text), most).split())
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", one_line)


def code(text: str) -> str:
    """Return text in the font of code, within a line."""
    return f"<code>{inline(text)}</code>"


def block(text: str) -> str:
    """Return text as a block of code, whatever backticks are in it."""
    shown = words.cut(words.plain(text), LONGEST_BLOCK).rstrip("\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence}text\n{shown}\n{fence}"


def folded(summary: str, body: str, *, shown: bool = False) -> str:
    """Return what is shown after a click on its summary, or before it."""
    head = "<details open>" if shown else "<details>"
    return f"{head}<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _verdict(
    reports: Sequence[Report], regressions: Sequence[Regression], known: Collection[Report]
) -> str:
    if not reports and not regressions:
        return "⚠️ **nothing was verified**"
    failed = any(not report.ok and not words.is_known(report, known) for report in reports)
    lost = f"{words.number(len(regressions), 'regression')}; " if regressions else ""
    mark = "❌ **failed**" if failed or regressions else "✅ **kept**"
    return f"{mark}: {lost}{words.summary(reports, known) if reports else 'nothing was verified'}"


def _regressions(regressions: Sequence[Regression]) -> Iterable[Section]:
    if regressions:
        yield Section("heading", "### Worse than the baseline")
    for each in regressions:
        text = inline(each.text, LONGEST_TEXT)
        line = f"- **{inline(each.kind)}**, {code(each.check)}: {text}{_at(each.place)}"
        yield Section("regression", line)


def _at(place: Place | None) -> str:
    return "" if place is None else f" ({code(f'{place.file}:{place.line}')})"


def _failed(
    heading: str, reports: Sequence[Report], n_open: int, *, has_terms: bool
) -> Iterable[Section]:
    if reports:
        yield Section("heading", f"### {heading}")
        yield Section("table", table(reports, has_terms=has_terms))
    for i, report in enumerate(reports):
        text = folded(_summary(report), _failure(report), shown=i < n_open)
        yield Section("failure", text)


def _summary(report: Report) -> str:
    return (
        f"<b>{report.verdict.upper()}</b> {inline(words.system_of(report))}, "
        f"{code(report.candidate)}, {inline(words.way_of(report))}{_at(report.place)}"
    )


def _failure(report: Report) -> str:
    """Return what is known of a failure, and the command that shows it again."""
    failure = report.failure
    if failure is None:
        return block("\n".join(report.lines))
    headline, *reasons, _replay = (line.plain for line in failure_lines(report, failure))
    told = "\n".join([headline, dedent("\n".join(reasons))])
    return f"{block(told)}\n\nTo see it again:\n\n{block(failure.replay)}"


def _matching(reports: Sequence[Report], *, has_terms: bool) -> Iterable[Section]:
    matching = [report for report in reports if report.ok]
    if matching:
        summary = f"{words.number(len(matching), 'run')} in which every gradient matches"
        shown = len(matching) <= OPEN
        yield Section("table", folded(summary, table(matching, has_terms=has_terms), shown=shown))


def _notes(what: str, notes: Sequence[str], *, is_shown: bool = True) -> Iterable[Section]:
    """Return a list of notes; a few may be shown without a click."""
    if notes:
        lines = "\n".join(f"- {inline(each, LONGEST_TEXT)}" for each in notes)
        n, shown = words.number(len(notes), what), is_shown and len(notes) <= OPEN
        yield Section("list of notes", folded(n, lines, shown=shown))


def table(reports: Sequence[Report], *, has_terms: bool = False) -> str:
    """Return a table, one row a report.

    Args:
        reports: In the order in which they are to stand.
        has_terms: Whether it is to tell what each was held to.
    """
    names = [name for name in NAMES if has_terms or name != "held to"]
    rule = "|".join(["---"] * len(names) + ["---:"] * len(FIGURES))
    rows = [f"| {' | '.join(_cells(report, names))} |" for report in reports[:MOST_ROWS]]
    lines = [f"| {' | '.join((*names, *FIGURES))} |", f"|{rule}|", *rows]
    if len(reports) > MOST_ROWS:
        lines += ["", f"… and {len(reports) - MOST_ROWS} more"]
    return "\n".join(lines)


def _cells(report: Report, names: Iterable[str]) -> list[str]:
    told = {
        "verdict": report.verdict if report.ok else f"**{report.verdict}**",
        "system": inline(words.system_of(report)),
        "candidate": inline(report.candidate),
        "held to": inline(words.held_to(report)),
        "input": inline(report.input),
        "dtype": inline(report.dtype),
        "clip": inline(report.clip),
    }
    return [
        *(told[name] for name in names),
        str(report.cases),
        words.conclusive(report),
        words.digits(report),
        inline(words.worst(report)),
        words.clipped(report),
    ]


def _joined(sections: Sequence[Section]) -> str:
    """Return as many sections as there is room for, and a line about those left out."""
    room = LIMIT - LONGEST_TEXT
    parts: list[str] = []
    missing: Counter[str] = Counter()
    for section in sections:
        size = len(f"{section.text}\n\n".encode())
        if size > room:
            missing[section.kind] += 1
            continue
        room -= size
        parts.append(section.text)
    if missing:
        told = ", ".join(words.number(n, kind) for kind, n in missing.items())
        parts.append(f"Left out, as GitHub shows at most 1 MiB: {told}.")
    return "\n\n".join(parts) + "\n"
