"""Reports for people at a terminal: a table, then each failure and what to know about it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from rnnverify.reports import words
from rnnverify.results import Failure, Report
from rnnverify.verdicts import Comparison, Verdict, VerdictKind

NAMES = ("system", "candidate", "held to", "input", "dtype", "clip")
FIGURES = ("cases", "conclusive", "digits", "worst", "clipped")
COLUMNS = (*NAMES, *FIGURES)
FOLDED = ("system", "candidate", "held to")
"""Columns whose cells take several lines where there is too little room."""
LONGEST_WORD = 28
"""Longer words than this may be broken."""
VAST = 10_000
"""More columns than any table has."""
STYLES = {
    "match": "green",
    "inconclusive": "yellow",
    "inaccurate": "red",
    "scaled": "red",
    "wrong": "bold red",
    "nonfinite": "bold red",
    "nondeterministic": "bold red",
    "invalid": "bold magenta",
}


def show(console: Console, reports: Sequence[Report], *, known: Collection[Report] = ()) -> None:
    """Print reports: the table, failures, notes, and a last line that sums up.

    Args:
        console: Where to.
        reports: In the order in which they are to stand.
        known: Those that fail as a baseline says.
    """
    console.print(Whole(table(reports, known=known)), crop=False)
    for report in reports:
        if report.failure is not None:
            console.print()
            for line in failure_lines(report, report.failure, among=reports):
                console.print(line, soft_wrap=True, highlight=False)
    for remark in words.remarks(reports):
        console.print(remark, style="yellow", soft_wrap=True, highlight=False, markup=False)
    console.print(_summary(reports, known), highlight=False)


def show_verdict(console: Console, verdict: Verdict, failure: Failure | None) -> None:
    """Print what was found out about one case."""
    console.print(_head(verdict.kind, verdict.case.system))
    for comparison in verdict.comparisons:
        console.print(
            f"  d{comparison.gradient}: {comparison.kind}, {words.times(comparison)}; "
            f"{comparison.agree:.1f} of {comparison.digits:.1f} digits agree",
            highlight=False,
        )
    for line in _reasons(failure) if failure else [Text(f"  {verdict.message}")]:
        console.print(line, soft_wrap=True, highlight=False)


@dataclass(frozen=True)
class Whole:
    """A table of which nothing is cut, however narrow the terminal is.

    Where there is no terminal, it is as wide as it needs to be. On one, names are folded where
    there is too little room; what is narrower still breaks the table's lines.
    """

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, rendered in as many columns as it needs."""
        least = sum(2 + (column.min_width or 0) for column in self.table.columns)
        width = max(options.max_width, least) if console.is_terminal else VAST
        yield from console.render(self.table, options.update(width=width))


def table(reports: Sequence[Report], *, known: Collection[Report] = ()) -> Table:
    """Return one row a report; with candidates and options only where they are not all the same.

    Args:
        reports: In the order in which they are to stand.
        known: Those that fail as a baseline says.
    """
    made = Table(box=None, pad_edge=False, header_style="bold")
    same = set() if words.has_candidates(reports) else {"candidate"}
    same |= set() if words.has_terms(reports) else {"held to"}
    columns = [name for name in COLUMNS if name not in same]
    rows = [_cells(report) for report in reports]
    for name in columns:
        _add_column(made, name, [cells[name] for cells in rows])
    verdicts = [_verdict(report, known) for report in reports]
    _add_column(made, "verdict", [verdict.plain for verdict in verdicts])
    for cells, verdict in zip(rows, verdicts, strict=True):
        made.add_row(*(Text(cells[name]) for name in columns), verdict)
    return made


def _add_column(made: Table, name: str, cells: Sequence[str]) -> None:
    """Add a column, and keep rich from cutting what is in it, or breaking words without need."""
    folds = name in FOLDED
    whole = [name, *(part for cell in cells for part in (cell.split() if folds else [cell]))]
    longest = max(map(len, whole))
    made.add_column(
        name,
        justify="right" if name in FIGURES else "left",
        no_wrap=not folds,
        overflow="fold",
        min_width=min(longest, LONGEST_WORD) if folds else longest,
    )


def _cells(report: Report) -> dict[str, str]:
    told = {
        "system": words.system_of(report),
        "candidate": report.candidate,
        "held to": words.held_to(report),
        "input": report.input,
        "dtype": report.dtype,
        "clip": report.clip,
        "cases": str(report.cases),
        "conclusive": words.conclusive(report),
        "digits": words.digits(report),
        "worst": words.worst(report),
        "clipped": words.clipped(report),
    }
    return {name: words.plain(cell) for name, cell in told.items()}


def _verdict(report: Report, known: Collection[Report]) -> Text:
    if words.is_known(report, known):
        return Text(f"{report.verdict}, known", style="yellow")
    return Text(report.verdict, style=STYLES[report.verdict])


def failure_lines(report: Report, failure: Failure, *, among: Sequence[Report] = ()) -> list[Text]:
    """Return a failure: what differs, where, by how much, in which case, how to see it again.

    Args:
        report: The report that it is of.
        failure: The failure.
        among: The reports that the first line has to tell it from.
    """
    lines = [_headline(report, failure, among), *_reasons(failure)]
    if words.has_figures(failure):
        lines.append(Text(f"  {words.spread(report)}"))
    lines.extend(Text(f"  hint: {hint}", style="cyan") for hint in report.hints)
    return [*lines, *_where(failure)]


def _reasons(failure: Failure) -> list[Text]:
    """Return what is wrong, where and by how much, and whose fault it is."""
    verdict, lines = failure.verdict, []
    if verdict.message:
        lines.append(Text(f"  {verdict.message}"))
    if verdict.traceback:
        lines.append(Text(_indented(verdict.traceback), style="dim"))
    if words.has_figures(failure):
        lines.extend(Text(f"  {line}") for line in words.figures(failure))
    lines.extend(Text(f"  {reason}") for reason in failure.reasons)
    return lines


def _where(failure: Failure) -> list[Text]:
    """Return the case that shows a failure, and how to see it again."""
    case, lines = failure.verdict.case, []
    dims = " ".join(f"{axis}={n}" for axis, n in case.dims.items())
    if dims:
        which = "smallest case found" if failure.gradient is not None else "case"
        lines.append(Text(f"  {which}: {dims}, clip {case.clip}, {case.dtype}"))
        lines.append(Text(f"  regime: {'; '.join(case.regimes)}"))
    lines.append(Text(f"  replay: {failure.replay}"))
    return lines


def _head(kind: VerdictKind, rest: str) -> Text:
    """Return a verdict in its colour, and text that is shown as it stands."""
    return Text.assemble((kind.upper(), STYLES[kind]), f"  {words.plain(rest)}")


def _headline(report: Report, failure: Failure, among: Sequence[Report]) -> Text:
    has_figures = words.has_figures(failure)
    told = [words.system_of(report), report.input, f"clip {report.clip}"]
    told += [words.held_to(report)] if words.has_terms(among) else []
    told += [report.candidate] if words.has_candidates(among) or not has_figures else []
    told += [_differing(failure)] if has_figures else []
    return _head(report.verdict, "  ".join(filter(None, told)))


def _differing(failure: Failure) -> str:
    """Return which gradients differ, the furthest off first, and which are right."""
    others = [f"d{name}" for name in failure.gradients if name != failure.gradient]
    right = [f"d{each.gradient}" for each in failure.verdict.comparisons if _is_right(each)]
    also = f"and {', '.join(others)}; " if others else ""
    rest = f"{', '.join(right)} right" if right else "none is right"
    return f"d{failure.gradient} ({also}{rest})"


def _is_right(comparison: Comparison) -> bool:
    return comparison.kind == "match" and (comparison.conclusive or comparison.zero)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _summary(reports: Sequence[Report], known: Collection[Report]) -> Text:
    kept = all(report.ok or words.is_known(report, known) for report in reports)
    return Text(words.summary(reports, known), style="green" if kept else "red")
