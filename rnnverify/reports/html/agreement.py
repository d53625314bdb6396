"""Digits: how many agree in each case, of those that the case lets anybody know."""

import math
from collections.abc import Mapping

import numpy as np

from rnnverify.records import Array
from rnnverify.reports import words
from rnnverify.reports.html.colours import INK, LINE, MUTED, SERIES, WRONG
from rnnverify.reports.html.pictures import Picture
from rnnverify.reports.html.sheets import Sheet
from rnnverify.results import Report

FEW = 600
"""Points in one picture; where there are more, they are shown to fewer digits."""
SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((-2.4, -2.4), (2.4, -2.4), (2.4, 2.4), (-2.4, 2.4)),
    ((0.0, -3.4), (3.2, 2.4), (-3.2, 2.4)),
    ((0.0, -3.6), (3.6, 0.0), (0.0, 3.6), (-3.6, 0.0)),
    ((0.0, 3.4), (3.2, -2.4), (-3.2, -2.4)),
    ((-4.2, -1.2), (4.2, -1.2), (4.2, 1.2), (-4.2, 1.2)),
)
"""Marks, as polygons around a point."""


def digits(report: Report) -> Picture | None:
    """Return the digits that agree against those that a case allows, a point a case."""
    points = {n: np.array(each.digits, float) for n, each in report.details.items() if each.digits}
    if not points:
        return None
    most = 8 * math.ceil(max(each.max() for each in points.values()) / 8) or 8
    plot, left = 240.0, 42.0
    sheet = Sheet(left + plot + 86, max(plot, 20.0 + 17 * len(points)) + 44)
    _frame(sheet, left, plot, most)
    for i, (name, each) in enumerate(_thinned(points).items()):
        at = each * (1, -1) * plot / most + (left, 8 + plot)
        _stamp(sheet, at, i)
        row = 16.0 + 17 * i
        _stamp(sheet, np.array([[left + plot + 14, row]]), i)
        sheet.text((left + plot + 23, row), f"d{name}")
    told = _told_of_digits(points)
    return Picture(sheet.svg(f"Digits available against digits that agree: {told}"), told)


def _frame(sheet: Sheet, left: float, plot: float, most: int) -> None:
    """Draw axes, their numbers, and the diagonal, below which too few digits agree."""
    top, bottom, right = 8.0, 8 + plot, left + plot
    below = np.array([[(left, bottom), (right, bottom), (right, top)]])
    sheet.polygons(below, facecolor=WRONG, alpha=0.09, edgecolor="none")
    for n in range(0, most + 1, 4):
        x, y = left + n * plot / most, bottom - n * plot / most
        sheet.lines([((x, top), (x, bottom)), ((left, y), (right, y))], LINE, linewidth=0.6)
        sheet.text((x, bottom + 11), str(n), MUTED, align="center", size=10.0)
        sheet.text((left - 6, y), str(n), MUTED, align="right", size=10.0)
    sheet.lines([((left, bottom), (right, top))], INK, linewidth=1.2)
    sheet.text((left + plot / 2, bottom + 27), "digits available", align="center")
    middle = (9.0, top + plot / 2)
    sheet.text(middle, "digits that agree", align="center", rotation=90)
    for i, line in enumerate(("fewer agree than", "the case allows")):
        at = (left + 0.52 * plot, bottom - 0.2 * plot + 12 * i)
        sheet.text(at, line, MUTED, align="center", size=9.5)


def _thinned(points: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return points without those that would lie on one another."""
    for apart in (0.1, 0.25, 0.5, 1.0):
        kept = {n: np.unique((each / apart).round(), axis=0) * apart for n, each in points.items()}
        if sum(map(len, kept.values())) <= FEW:
            break
    return kept


def _stamp(sheet: Sheet, points: Array, number: int) -> None:
    """Draw points in the shape and colour that a number has."""
    corners = points[:, None, :] + np.array(SHAPES[number % len(SHAPES)])
    colour = SERIES[number % len(SERIES)]
    sheet.polygons(corners, facecolor=colour, edgecolor="none", alpha=0.75)


def _told_of_digits(points: Mapping[str, Array]) -> str:
    told = []
    for name, each in points.items():
        available, agree = np.median(each, axis=0)
        fewer = int((each[:, 1] < each[:, 0] - 1e-9).sum())
        cases = words.number(len(each), "case")
        found = f" ({fewer} of {cases} below the diagonal)" if fewer else ""
        told.append(f"d{name} {agree:.1f} of {available:.1f}{found}")
    return f"medians of digits that agree, of those available: {', '.join(told)}"
