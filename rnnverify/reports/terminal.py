"""Reports for people at a terminal: a table, then each failure and what to know about it."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rnnverify.reports import words
from rnnverify.results import Failure, Report
from rnnverify.verdicts import Comparison, Verdict

NARROWEST = 96
"""Columns that the table needs; a narrower terminal wraps its lines, rather than hiding words."""
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


def show(console: Console, reports: Sequence[Report]) -> None:
    """Print reports: the table, failures, notes, and a last line that sums up."""
    console.print(table(reports), width=max(console.width, NARROWEST), crop=False)
    for report in reports:
        if report.failure is not None:
            console.print()
            for line in failure_lines(report, report.failure):
                console.print(line, soft_wrap=True, highlight=False)
    for remark in words.remarks(reports):
        console.print(remark, style="yellow", soft_wrap=True, highlight=False, markup=False)
    console.print(_summary(reports), highlight=False)


def show_verdict(console: Console, verdict: Verdict, failure: Failure | None) -> None:
    """Print what was found out about one case."""
    head = f"[{STYLES[verdict.kind]}]{verdict.kind.upper()}[/]  {verdict.case.system}"
    console.print(Text.from_markup(head))
    for comparison in verdict.comparisons:
        console.print(
            f"  d{comparison.gradient}: {comparison.kind}, {words.times(comparison)}; "
            f"{comparison.agree:.1f} of {comparison.digits:.1f} digits agree",
            highlight=False,
        )
    for line in _reasons(failure) if failure else [Text(f"  {verdict.message}")]:
        console.print(line, soft_wrap=True, highlight=False)


def table(reports: Sequence[Report]) -> Table:
    """Return one row a report."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("system")
    made.add_column("input")
    made.add_column("dtype")
    made.add_column("clip")
    for name in ("cases", "conclusive", "digits", "worst", "clipped"):
        made.add_column(name, justify="right")
    made.add_column("verdict")
    for report in reports:
        made.add_row(
            words.system_of(report),
            report.input,
            report.dtype,
            report.clip,
            str(report.cases),
            words.conclusive(report),
            words.digits(report),
            words.worst(report),
            words.clipped(report),
            Text(report.verdict, style=STYLES[report.verdict]),
        )
    return made


def failure_lines(report: Report, failure: Failure) -> list[Text]:
    """Return a failure: what differs, where, by how much, in which case, how to see it again."""
    lines = [Text.from_markup(_headline(report, failure)), *_reasons(failure)]
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


def _headline(report: Report, failure: Failure) -> str:
    kind = report.verdict
    style = STYLES[kind]
    head = (
        f"[{style}]{kind.upper()}[/]  {words.system_of(report)}  {report.input}  clip {report.clip}"
    )
    if not words.has_figures(failure):
        return f"{head}  {escape(report.candidate)}"
    others = [f"d{name}" for name in failure.gradients if name != failure.gradient]
    right = [f"d{each.gradient}" for each in failure.verdict.comparisons if _is_right(each)]
    also = f"and {', '.join(others)}; " if others else ""
    rest = f"{', '.join(right)} right" if right else "none is right"
    return f"{head}  d{failure.gradient} ({also}{rest})"


def _is_right(comparison: Comparison) -> bool:
    return comparison.kind == "match" and (comparison.conclusive or comparison.zero)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _summary(reports: Sequence[Report]) -> Text:
    style = "green" if all(report.ok for report in reports) else "red"
    return Text(words.summary(reports), style=style)
