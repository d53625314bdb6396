"""Heat maps: how far gradients are off, in tolerances, at each entry and at each step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.records import Array
from rnnverify.reports.html.colours import INK, LINE, MUTED, PAPER, colours_of
from rnnverify.reports.html.pictures import Picture, listed
from rnnverify.reports.html.sheets import LETTER, Sheet
from rnnverify.results import Report

PANEL = 210.0
"""The largest width and height of a panel, in pixels."""
CELL = 14.0
"""The largest size of an entry's square."""
DIVIDED = 4.0
"""The smallest size of squares that have lines between them."""
NUMBER = 18.0
"""The room that the number of a step takes."""
MOST = 105
"""Rows and columns above which several entries share a square."""


@dataclass(frozen=True)
class Grid:
    """Errors as they are drawn: rows and columns, lines after each block, and what axes are."""

    errors: Array
    block: int
    axes: str


def panels(report: Report) -> list[Picture]:
    """Return a heat map for each gradient: the error of every entry, in tolerances."""
    found = {n: each.errors for n, each in report.details.items() if each.errors is not None}
    return [_panel(name, np.asarray(e, float), axes_of(report, name)) for name, e in found.items()]


def axes_of(report: Report, name: str) -> tuple[str, ...]:
    """Return the names of an array's axes, as far as they are known."""
    detail = report.details.get(name)
    known = () if detail is None else detail.axes
    origin = report.failure.verdict.case.origin if report.failure else None
    if not known and origin is not None and name in origin.arrays:
        return tuple(origin.arrays[name].names)
    return known


def _panel(name: str, errors: Array, axes: tuple[str, ...]) -> Picture:
    grid = _grid(errors, axes)
    said, beyond = _said(name, errors)
    rows, columns = grid.errors.shape
    cell = min(CELL, PANEL / rows, PANEL / columns)
    sheet = Sheet(columns * cell + 2, rows * cell + 2)
    _draw(sheet, grid, (1.0, 1.0), (cell, cell))
    told = f"Error of each entry of d{name}, {grid.axes}: {said}"
    caption = f"{grid.axes}: {said}"
    return Picture(sheet.svg(told), caption, f"d{name}", beyond)


def _grid(errors: Array, axes: tuple[str, ...]) -> Grid:
    """Return an array as rows and columns: the first axis, and all others one after the other."""
    flat = errors.reshape(len(errors), -1) if errors.ndim > 1 else errors.reshape(1, -1)
    block = errors.shape[-1] if errors.ndim > len(("rows", "columns")) else 0
    told = _axes_told(axes if len(axes) == errors.ndim else tuple(map(str, errors.shape)))
    factors = [math.ceil(size / MOST) for size in flat.shape]
    if max(factors) == 1:
        return Grid(flat, block, told)
    shared = f"each square the largest of {factors[0]}×{factors[1]}"
    return Grid(_pooled(flat, *factors), 0, f"{told}, {shared}")


def _axes_told(names: tuple[str, ...]) -> str:
    """Return what rows and columns are."""
    if not names:
        return "a number"
    return f"{names[0]} × {'·'.join(names[1:])}" if names[1:] else names[0]


def _pooled(errors: Array, rows: int, columns: int) -> Array:
    """Return the largest error in each block of so many rows and columns."""
    missing = [-size % factor for size, factor in zip(errors.shape, (rows, columns), strict=True)]
    filled = np.pad(errors, [(0, each) for each in missing], constant_values=np.nan)
    height, width = filled.shape
    blocks = filled.reshape(height // rows, rows, width // columns, columns)
    return np.asarray(np.fmax.reduce(np.fmax.reduce(blocks, axis=3), axis=1))


def _said(name: str, errors: Array) -> tuple[str, bool]:
    """Return in words what a heat map shows, and whether something in it is beyond a tolerance."""
    reached, missing = errors[~np.isnan(errors)], int(np.isnan(errors).sum())
    rest = f"; {missing} of {errors.size} entries in no case" if missing else ""
    if reached.size == 0:
        return f"no entry in any case{rest}", False
    worst = float(reached.max())
    where = np.unravel_index(int(np.nanargmax(errors)), errors.shape)
    at = f"d{name}" + (f"[{', '.join(str(int(i)) for i in where)}]" if where else "")
    beyond = int((reached > 1).sum())
    if not beyond:
        return f"worst error {worst:.2g} tolerances, at {at}{rest}", False
    size = "not finite" if math.isinf(worst) else f"{worst:.2g} tolerances"
    most = f"{beyond} of {reached.size} entries beyond the tolerance"
    return f"worst error {size}, at {at}; {most}{rest}", True


def _draw(sheet: Sheet, grid: Grid, corner: tuple[float, float], cell: tuple[float, float]) -> None:
    """Draw a heat map: squares, lines between them, and signs on those beyond the tolerance."""
    (left, top), (width, height) = corner, cell
    rows, columns = grid.errors.shape
    right, bottom = left + columns * width, top + rows * height
    sheet.image(colours_of(grid.errors), corner, (columns * width, rows * height))
    if min(cell) >= DIVIDED:
        across = [((left, top + i * height), (right, top + i * height)) for i in range(1, rows)]
        down = [((left + j * width, top), (left + j * width, bottom)) for j in range(1, columns)]
        sheet.lines(across + down, PAPER, linewidth=0.5)
    blocks = range(grid.block, columns, grid.block) if grid.block else ()
    between = [left + j * width for j in blocks]
    sheet.lines([((x, top), (x, bottom)) for x in between], INK, linewidth=1.2)
    sheet.rectangles([(left, top, right - left, bottom - top)], edgecolor=LINE, facecolor="none")
    _signs(sheet, grid.errors, corner, cell)


def _signs(
    sheet: Sheet, errors: Array, corner: tuple[float, float], cell: tuple[float, float]
) -> None:
    """Put a dot on what is beyond the tolerance, a cross on what is not finite."""
    at = np.array(corner) + np.array(cell) / 2
    beyond = np.argwhere((errors > 1) & np.isfinite(errors))[:, ::-1] * cell + at
    sheet.dots(beyond, "#000000", min(3.0, min(cell) / 4))
    r = min(cell) / 4
    crossed = np.argwhere(np.isinf(errors))[:, ::-1] * cell + at
    lines = [((x - r, y - s * r), (x + r, y + s * r)) for x, y in crossed for s in (1, -1)]
    sheet.lines(lines, "#ffffff", linewidth=min(1.5, r))


def steps(report: Report) -> Picture | None:
    """Return the error of each gradient where only the loss of one step counts, step by step."""
    rows = {name: each.steps for name, each in report.details.items() if each.steps}
    if not rows:
        return None
    errors = np.array([_of_length(each, max(map(len, rows.values()))) for each in rows.values()])
    pooled = _pooled(errors, 1, math.ceil(errors.shape[1] / MOST))
    margin = 10.0 + LETTER * max(len(name) + 1 for name in rows)
    width, height = min(20.0, max(3.0, 300.0 / pooled.shape[1])), 18.0
    sheet = Sheet(margin + pooled.shape[1] * width + 2, len(rows) * height + 22)
    _draw(sheet, Grid(pooled, 0, ""), (margin, 1.0), (width, height))
    for i, name in enumerate(rows):
        sheet.text((margin - 6, 1 + (i + 0.5) * height), f"d{name}", align="right")
    _number_steps(sheet, errors.shape[1], margin, width * pooled.shape[1] / errors.shape[1])
    told = _told_of_steps(rows)
    return Picture(sheet.svg(f"Errors of gradients, step by step: {told}"), told)


def _of_length(each: Sequence[float], n: int) -> list[float]:
    return [*each, *[math.nan] * (n - len(each))]


def _number_steps(sheet: Sheet, n: int, left: float, width: float) -> None:
    apart = next(k for k in (1, 2, 5, 10, 20, 50, 100, 10**9) if k * width >= NUMBER)
    for t in range(0, n, apart):
        at = (left + (t + 0.5) * width, sheet.height - 11)
        sheet.text(at, str(t), MUTED, align="center", size=10.0)


def _told_of_steps(rows: Mapping[str, Sequence[float]]) -> str:
    told = []
    for name, each in rows.items():
        found = [t for t, error in enumerate(each) if error > 1]
        if found:
            several = "steps" if len(found) > 1 else "step"
            told.append(f"d{name} is wrong by the loss of {several} {listed(found)} alone")
    if told:
        return "; ".join(told)
    known = [e for each in rows.values() for e in each if not math.isnan(e)]
    if not known:
        return "no step's loss alone is conclusive"
    n = len(next(iter(rows.values())))
    return f"the loss of no step alone, of {n}, shows an error above {max(known):.2g} tolerances"
