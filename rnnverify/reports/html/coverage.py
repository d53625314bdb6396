"""Coverage: in which regimes a run's cases were, and which none was in."""

from collections.abc import Iterable, Mapping

from rnnverify.reports import words
from rnnverify.reports.html.colours import BAR, INK, MUTED
from rnnverify.reports.html.pictures import Picture
from rnnverify.reports.html.sheets import Sheet
from rnnverify.results import Report


def regimes(report: Report, tables: Mapping[str, Iterable[str]]) -> list[Picture]:
    """Return how many cases were made in which regime, a picture for each table.

    Args:
        report: Any report of a run; all have the same cases.
        tables: The regimes that there are.
    """
    counts = {**{f"{table}: {n}": 0 for table, each in tables.items() for n in each}}
    counts |= report.regimes
    grouped: dict[str, dict[str, int]] = {}
    for label, n in counts.items():
        table, colon, name = label.partition(": ")
        grouped.setdefault(table if colon else "sizes", {})[name if colon else label] = n
    return [
        _bars(table, each, report.cases, known=table in tables) for table, each in grouped.items()
    ]


def _bars(table: str, counts: Mapping[str, int], cases: int, *, known: bool) -> Picture:
    row, left, length = 17.0, 96.0, 80.0
    sheet = Sheet(left + length + 38, row * len(counts) + 2)
    for i, (name, n) in enumerate(counts.items()):
        y, end = 1 + row * (i + 0.5), left + length * n / max(1, cases)
        sheet.text((left - 6, y), name, INK if n else MUTED, align="right")
        sheet.rectangles([(left, y - 5, end - left, 10)] if n else [], facecolor=BAR, lw=0)
        sheet.text((end + 5, y), str(n) if n else "never", INK if n else MUTED, size=10.0)
    sheet.lines([((left, 0), (left, sheet.height))], MUTED, linewidth=0.8)
    never = [name for name, n in counts.items() if not n]
    said = f"{len(counts) - len(never)} of {len(counts)} covered" if known else "in some cases"
    said += f"; never: {', '.join(never)}" if never else ""
    told = ", ".join(f"{name} in {n}" for name, n in counts.items() if n) or "none"
    alternative = f"Regimes of {table}, in {words.number(cases, 'case')}: {told}. {said}"
    return Picture(sheet.svg(alternative), said, table, beyond=bool(never))
