"""Reports for people at a terminal: a table, then each failure and what to know about it."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rnnverify.results import Failure, Report
from rnnverify.verdicts import Comparison, Verdict

VAST = 1e99
"""Errors of more tolerances than this are told as such: the entry should be zero."""
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
    for remark in _remarks(reports):
        console.print(remark, style="yellow", soft_wrap=True, highlight=False, markup=False)
    console.print(_summary(reports), highlight=False)


def show_verdict(console: Console, verdict: Verdict, failure: Failure | None) -> None:
    """Print what was found out about one case."""
    head = f"[{STYLES[verdict.kind]}]{verdict.kind.upper()}[/]  {verdict.case.system}"
    console.print(Text.from_markup(head))
    for comparison in verdict.comparisons:
        console.print(
            f"  d{comparison.gradient}: {comparison.kind}, {_times(comparison)}; "
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
            _system(report),
            report.input,
            report.dtype,
            report.clip,
            str(report.cases),
            _conclusive(report),
            _digits(report),
            _worst(report),
            "-" if report.clip == "none" else f"{report.clip_active:.0%}",
            Text(report.verdict, style=STYLES[report.verdict]),
        )
    return made


def _system(report: Report) -> str:
    """Return a system's name, and what was asked for besides."""
    truncate = f" truncate {report.truncate}" if report.truncate else ""
    return f"{report.system}{truncate}{' lengths' if report.lengths else ''}"


def failure_lines(report: Report, failure: Failure) -> list[Text]:
    """Return a failure: what differs, where, by how much, in which case, how to see it again."""
    lines = [Text.from_markup(_headline(report, failure)), *_reasons(failure)]
    if _has_figures(failure):
        lines.append(Text(f"  {_spread(report)}"))
    lines.extend(Text(f"  hint: {hint}", style="cyan") for hint in report.hints)
    return [*lines, *_where(failure)]


def _reasons(failure: Failure) -> list[Text]:
    """Return what is wrong, where and by how much, and whose fault it is."""
    verdict, lines = failure.verdict, []
    if verdict.message:
        lines.append(Text(f"  {verdict.message}"))
    if verdict.traceback:
        lines.append(Text(_indented(verdict.traceback), style="dim"))
    if _has_figures(failure):
        lines.extend(Text(f"  {line}") for line in _figures(failure))
    lines.extend(Text(f"  {reason}") for reason in failure.reasons)
    return lines


def _has_figures(failure: Failure) -> bool:
    return failure.gradient is not None and failure.verdict.kind != "nondeterministic"


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
    head = f"[{style}]{kind.upper()}[/]  {_system(report)}  {report.input}  clip {report.clip}"
    if not _has_figures(failure):
        return f"{head}  {escape(report.candidate)}"
    others = [f"d{name}" for name in failure.gradients if name != failure.gradient]
    right = [f"d{each.gradient}" for each in failure.verdict.comparisons if _is_right(each)]
    also = f"and {', '.join(others)}; " if others else ""
    rest = f"{', '.join(right)} right" if right else "none is right"
    return f"{head}  d{failure.gradient} ({also}{rest})"


def _is_right(comparison: Comparison) -> bool:
    return comparison.kind == "match" and (comparison.conclusive or comparison.zero)


def _figures(failure: Failure) -> list[str]:
    (worst,) = (e for e in failure.verdict.comparisons if e.gradient == failure.gradient)
    where = ", ".join(map(str, worst.index))
    lines = [
        f"at d{worst.gradient}[{where}]",
        f"  got        {worst.got!r}",
        f"  want       {worst.want!r}",
        f"  tolerance  {worst.tolerance:.2g}",
        f"  error      {_times(worst)}; {worst.agree:.1f} of {worst.digits:.1f} digits agree",
    ]
    if failure.step is not None:
        lines.append(f"the loss of step {failure.step} alone shows it")
    return lines


def _spread(report: Report) -> str:
    """Return how often each gradient differs: the smallest case seldom shows all that is wrong."""
    differ = {name: each.differ for name, each in report.gradients.items()}
    wrong = [f"d{name} in {n}" for name, n in differ.items() if n]
    right = [f"d{name}" for name, n in differ.items() if not n]
    rest = f"; {', '.join(right)} in none" if right else ""
    return f"of {report.cases} cases, {', '.join(wrong)} differ{rest}"


def _times(worst: Comparison) -> str:
    if worst.kind == "nonfinite":
        return "not finite"
    if worst.want == 0:
        return "should be zero"
    return f"{worst.worst:.3g} times the tolerance"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def _conclusive(report: Report) -> str:
    """Return the share of cases that are conclusive, of those that are not all zero."""
    possible = report.cases - sum(report.counts.get(kind, 0) for kind in ("zero", "invalid"))
    if possible < 1:
        return "-"
    return f"{1 - report.counts.get('inconclusive', 0) / possible:.0%}"


def _digits(report: Report) -> str:
    agree = [each.agree for each in report.gradients.values() if each.agree is not None]
    return f"{min(agree):.1f}" if agree else "-"


def _worst(report: Report) -> str:
    worst = [each.worst for each in report.gradients.values() if each.worst is not None]
    if not worst:
        return "-"
    return f"{max(worst):.2g}" if not VAST < max(worst) < math.inf else f">{VAST:.0e}"


def _remarks(reports: Sequence[Report]) -> list[str]:
    remarks: dict[str, None] = {}
    for report in reports:
        where = f"{_system(report)} {report.dtype} clip {report.clip}"
        said = ", ".join(f"{name}={value}" for name, value in report.options.items())
        remarks |= {f"note: {_system(report)}: held to {said}": None} if said else {}
        remarks |= dict.fromkeys(f"note: {where}: {note}" for note in report.notes)
        remarks |= dict.fromkeys(f"note: {where}: {each}" for each in _unhygienic(report))
        if report.unchecked:
            names = ", ".join(f"d{name}" for name in report.unchecked)
            remarks |= {f"note: {_system(report)}: {names} not checked (not returned)": None}
        if report.verdict == "inconclusive":
            remarks |= {f"note: {where}: {_weakness(report)}": None}
    return list(remarks)


def _unhygienic(report: Report) -> list[str]:
    """Return the hygiene checks that found something, but for what the failure tells anyway."""
    told = report.failure.verdict.text if report.failure else ""
    found = {n: text for n, text in report.hygiene.items() if text not in ("ok", "not checked")}
    return [f"{name}: {text}" for name, text in found.items() if text not in told]


def _weakness(report: Report) -> str:
    weak = [
        f"d{name} was conclusive in {report.gradients[name].conclusive} of "
        f"{report.gradients[name].nonzero} cases where it is not zero"
        for name in report.weak
    ]
    return "; ".join(weak) or "no case was conclusive"


def _summary(reports: Sequence[Report]) -> Text:
    failed = sum(not report.ok for report in reports)
    cases = sum(report.cases for report in reports)
    if failed:
        return Text(f"{failed} of {len(reports)} runs are no match ({cases} checks)", style="red")
    return Text(f"every gradient matches ({len(reports)} runs, {cases} checks)", style="green")
