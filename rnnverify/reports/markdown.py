"""Reports as Markdown, as GitHub shows it in the summary of a step."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
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
COLUMNS = (
    *("verdict", "system", "candidate", "input", "dtype", "clip"),
    *("cases", "conclusive", "digits", "worst", "clipped"),
)
RULE = "|".join(["---"] * 6 + ["---:"] * 5)


@dataclass(frozen=True)
class Section:
    """A part of the page that is whole by itself, and what to call it where it has no room."""

    kind: str
    text: str


def markdown(
    reports: Sequence[Report],
    regressions: Sequence[Regression] = (),
    *,
    heading: str = "rnnverify",
) -> str:
    """Return reports as Markdown of less than GitHub's limit of 1 MiB.

    First a line that says whether all is well; then regressions, what is no match, worst first,
    and folded what matches. Where there is too much, a last line says what was left out.

    Args:
        reports: In the order in which those that match are to stand.
        regressions: What is worse than a baseline says.
        heading: The heading above it all.
    """
    head = [
        Section("heading", f"## {inline(heading)}"),
        Section("summary", _verdict(reports, regressions)),
    ]
    failed = sorted((each for each in reports if not each.ok), key=words.badness, reverse=True)
    return _joined([*head, *_regressions(regressions), *_failed(failed), *_rest(reports)])


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


def _verdict(reports: Sequence[Report], regressions: Sequence[Regression]) -> str:
    if not reports and not regressions:
        return "⚠️ **nothing was verified**"
    kept = not regressions and all(report.ok for report in reports)
    lost = f"{_number(len(regressions), 'regression')}; " if regressions else ""
    mark = "✅ **kept**" if kept else "❌ **failed**"
    return f"{mark}: {lost}{words.summary(reports) if reports else 'nothing was verified'}"


def _number(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _regressions(regressions: Sequence[Regression]) -> Iterable[Section]:
    if regressions:
        yield Section("heading", "### Worse than the baseline")
    for each in regressions:
        text = inline(each.text, LONGEST_TEXT)
        line = f"- **{inline(each.kind)}**, {code(each.check)}: {text}{_at(each.place)}"
        yield Section("regression", line)


def _at(place: Place | None) -> str:
    return "" if place is None else f" ({code(f'{place.file}:{place.line}')})"


def _failed(reports: Sequence[Report]) -> Iterable[Section]:
    if reports:
        yield Section("heading", "### No match")
        yield Section("table", table(reports))
    for i, report in enumerate(reports):
        text = folded(_summary(report), _failure(report), shown=i < OPEN)
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


def _rest(reports: Sequence[Report]) -> Iterable[Section]:
    """Return what matches, and what is to be noted."""
    matching = [report for report in reports if report.ok]
    if matching:
        summary = f"{_number(len(matching), 'run')} in which every gradient matches"
        shown = len(matching) <= OPEN
        yield Section("table", folded(summary, table(matching), shown=shown))
    if notes := words.remarks(reports):
        lines = (f"- {inline(each.removeprefix('note: '), LONGEST_TEXT)}" for each in notes)
        yield Section("list of notes", folded(_number(len(notes), "note"), "\n".join(lines)))


def table(reports: Sequence[Report]) -> str:
    """Return a table, one row a report."""
    rows = [f"| {' | '.join(_cells(report))} |" for report in reports[:MOST_ROWS]]
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{RULE}|", *rows]
    if len(reports) > MOST_ROWS:
        lines += ["", f"… and {len(reports) - MOST_ROWS} more"]
    return "\n".join(lines)


def _cells(report: Report) -> list[str]:
    verdict = report.verdict if report.ok else f"**{report.verdict}**"
    names = (words.system_of(report), report.candidate, report.input, report.dtype, report.clip)
    return [
        verdict,
        *map(inline, names),
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
        told = ", ".join(_number(n, kind) for kind, n in missing.items())
        parts.append(f"Left out, as GitHub shows at most 1 MiB: {told}.")
    return "\n\n".join(parts) + "\n"
