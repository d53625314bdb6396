"""Unrolled networks: a failing case, step by step, with what is wrong in it marked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnnverify.records import Case
from rnnverify.reports.html.colours import INK, LINE, MUTED, RIGHT, WRONG
from rnnverify.reports.html.networks import Network, network_of
from rnnverify.reports.html.pictures import Picture, listed
from rnnverify.reports.html.sheets import LETTER, Sheet
from rnnverify.results import Failure, Report
from rnnverify.verdicts import Comparison

COLUMNS = 8
"""Steps that are drawn; of more, some in the middle are left out."""
ROW = 15.0
CIRCLE = 34.0
BOX = 30.0

Mark = tuple[str, str]
"""A sign, and the colour that goes with it."""
MARKS: Mapping[str, Mark] = {
    "wrong": ("✗", WRONG),
    "right": ("✓", RIGHT),
    "untold": ("?", MUTED),
    "unknown": ("", INK),
}


@dataclass(frozen=True)
class Marked:
    """What is known of a failing case: which gradients are wrong in it, and at which steps."""

    case: Case
    network: Network
    gradients: Mapping[str, Comparison]
    steps: Mapping[int, str]

    def of(self, name: str) -> Mark:
        """Return the mark of an array's gradient."""
        each = self.gradients.get(name)
        return MARKS["unknown" if each is None else _kind(each)]

    def at(self, name: str, step: int) -> Mark:
        """Return the mark of one step's gradient of an input."""
        each = self.gradients.get(name)
        if each is None or each.errors is None or len(each.errors) <= step:
            return self.of(name)
        if each.kind == "match":
            return self.of(name)
        return MARKS["right" if np.all(each.errors[step] <= 1) else "wrong"]


def _kind(comparison: Comparison) -> str:
    if comparison.kind != "match":
        return "wrong"
    return "right" if comparison.conclusive or comparison.zero else "untold"


def unroll(report: Report, failure: Failure) -> Picture | None:
    """Return a failing case as an unrolled network; None if there is no case to draw."""
    case = failure.verdict.case
    if not case.dims.get("T"):
        return None
    gradients = {each.gradient: each for each in failure.verdict.comparisons}
    network = network_of(case, gradients)
    marked = Marked(case, network, gradients, _steps(report, failure))
    told = _told(marked, failure)
    return Picture(_drawn(marked).svg(f"The failing case as an unrolled network: {told}"), told)


def _steps(report: Report, failure: Failure) -> dict[int, str]:
    """Return of each step, as far as it is known, whether its loss alone shows the failure."""
    found: dict[int, str] = {}
    for detail in report.details.values():
        for t, error in enumerate(detail.steps):
            if error > 1:
                found[t] = "wrong"
            elif not math.isnan(error):
                found.setdefault(t, "right")
    return found | ({} if failure.step is None else {failure.step: "wrong"})


def _told(marked: Marked, failure: Failure) -> str:
    """Return in words what is to be seen."""
    names: dict[str, list[str]] = {}
    for name, each in marked.gradients.items():
        names.setdefault(_kind(each), []).append(f"d{name}")
    parts = [f"{', '.join(names[kind])} {kind}" for kind in ("wrong", "right") if kind in names]
    if "untold" in names:
        parts.append(f"nothing can be told of {', '.join(names['untold'])}")
    alone = [t for t, kind in sorted(marked.steps.items()) if kind == "wrong"]
    if alone:
        several = "steps" if len(alone) > 1 else "step"
        parts.append(f"the loss of {several} {listed(alone)} alone shows it")
    parts += [failure.since] if failure.since else []
    dims = ", ".join(f"{axis} = {n}" for axis, n in marked.case.dims.items())
    return "; ".join([dims, *parts])


def _shown_steps(n: int, marked: Sequence[int]) -> list[int | None]:
    """Return the steps that are drawn, None where some are left out."""
    if n <= COLUMNS:
        return list(range(n))
    near = {t for m in marked[:1] for t in (m - 1, m, m + 1)}
    shown = sorted(t for t in {0, 1, n - 2, n - 1} | near if 0 <= t < n)
    found: list[int | None] = []
    for t in shown:
        if found and found[-1] is not None and t > found[-1] + 1:
            found.append(None)
        found.append(t)
    return found


@dataclass(frozen=True)
class Layout:
    """Where things are drawn: the heights of the rows, and how far columns are apart."""

    loss: float
    state: float
    input: float
    start: float
    apart: float

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return self.input + BOX / 2 + 22

    def x(self, column: int) -> float:
        """Return the middle of a column; that before the first step is -1."""
        return self.start + (column + 1) * self.apart


def _layout(network: Network) -> Layout:
    """Make room for the names on the arrows."""
    loss = 26.0 + BOX / 2
    up, down = (max(34.0, ROW * len(n) + 14) for n in (network.out, network.into))
    along = ROW * len(network.along) + 10
    state = max(loss + BOX / 2 + up + CIRCLE / 2, loss + BOX / 2 + along - CIRCLE / 4)
    widest = _width(network.along) + CIRCLE + 18
    beside = _width([*network.into, *network.out]) + 16
    first = max(_width(network.start) / 2, CIRCLE / 2) + 6
    apart = max(96.0, widest, beside + CIRCLE / 2, _box_width(network.inputs) + 14)
    return Layout(loss, state, state + CIRCLE / 2 + down + BOX / 2, first, apart)


def _width(names: Sequence[str]) -> float:
    return LETTER * (max((len(name) for name in names), default=0) + 2)


def _box_width(names: Sequence[str]) -> float:
    return max(BOX, LETTER * sum(len(name) + 3 for name in names) + 6)


def _drawn(marked: Marked) -> Sheet:
    layout = _layout(marked.network)
    wrong = sorted(t for t, kind in marked.steps.items() if kind == "wrong")
    columns = _shown_steps(marked.case.dims["T"], wrong)
    beside = _width([*marked.network.into, *marked.network.out, *marked.network.inputs])
    sheet = Sheet(layout.x(len(columns) - 1) + max(beside, BOX) + 16, layout.height)
    _start(sheet, marked, layout)
    for i, t in enumerate(columns):
        if t is None:
            sheet.text((layout.x(i), layout.state), "⋯", MUTED, align="center", size=16.0)
        else:
            _step(sheet, marked, layout, (i, t))
        _carry(sheet, marked, layout, i)
    return sheet


def _start(sheet: Sheet, marked: Marked, layout: Layout) -> None:
    """Draw the state before the first step, with the names of the arrays that it is."""
    names = marked.network.start
    at = (layout.x(-1), layout.state)
    signs = {marked.of(name) for name in names}
    colour = next((c for s, c in sorted(signs, reverse=True) if s == "✗"), LINE)
    size = CIRCLE if names else CIRCLE / 2
    sheet.circle(at, size / 2, edgecolor=colour, linewidth=1.6)
    if names:
        sheet.text(at, "start", MUTED, align="center", size=9.0)
    _names(sheet, marked, names, (layout.x(-1), layout.state + CIRCLE / 2 + 11), align="center")


def _names(
    sheet: Sheet,
    marked: Marked,
    names: Sequence[str],
    at: tuple[float, float],
    *,
    align: Literal["left", "center"] = "left",
) -> None:
    """Write names one below the other, each with the sign of its gradient."""
    for i, name in enumerate(names):
        sign, colour = marked.of(name)
        style = {"weight": "bold"} if sign == "✗" else {}
        where = (at[0], at[1] + i * ROW)
        sheet.text(where, f"{name} {sign}".rstrip(), colour, align=align, **style)


def _step(sheet: Sheet, marked: Marked, layout: Layout, column: tuple[int, int]) -> None:
    """Draw one step: what it reads, its state, its loss, and the arrows between them."""
    (i, t), network = column, marked.network
    x = layout.x(i)
    state, radius, half = layout.state, CIRCLE / 2, BOX / 2
    sheet.arrow((x, layout.input - half), (x, state + radius + 1))
    sheet.arrow((x, state - radius), (x, layout.loss + half + 1))
    sheet.circle((x, state), radius, edgecolor=INK, linewidth=1.2)
    sheet.text((x, state), f"t={t}", align="center", size=10.0)
    _loss(sheet, marked, (x, layout.loss), t)
    _input(sheet, marked, (x, layout.input), t)
    middle = (layout.input - half + state + radius) / 2
    _names(sheet, marked, network.into, (x + 7, middle - ROW * (len(network.into) - 1) / 2))
    middle = (layout.loss + half + state - radius) / 2
    _names(sheet, marked, network.out, (x + 7, middle - ROW * (len(network.out) - 1) / 2))


def _loss(sheet: Sheet, marked: Marked, at: tuple[float, float], t: int) -> None:
    """Draw a step's loss, and how it counts; marked if it alone shows the failure."""
    sign, colour = MARKS[marked.steps.get(t, "unknown")]
    (x, y), wrong = at, sign == "✗"
    style = {"edgecolor": colour if sign else LINE, "linewidth": 2.6 if wrong else 1.2}
    sheet.box(at, (62.0, BOX), rounding=3.0, **style)
    weight = {"weight": "bold"} if wrong else {}
    counted = _counted(marked, t)
    up = 6 if counted else 0
    sheet.text((x, y - up), f"loss {t} {sign}".rstrip(), colour, align="center", **weight)
    if counted:
        sheet.text((x, y + 7), counted, MUTED, align="center", size=9.0)
    if wrong:
        sheet.text((x, y - BOX / 2 - 9), "alone shows it", WRONG, align="center", size=9.5)


def _counted(marked: Marked, t: int) -> str:
    """Return how a step's loss counts: its weight, or what it is multiplied with."""
    is_last = t == marked.case.dims["T"] - 1
    names = (*marked.network.heard, *(marked.network.last if is_last else ()))
    for name in names:
        array = marked.case.arrays.get(name)
        if array is not None and array.ndim == 1 and len(array) > t:
            return f"× {array[t]:.3g}"
    return f"· {', '.join(names)}" if names else ""


def _input(sheet: Sheet, marked: Marked, at: tuple[float, float], t: int) -> None:
    """Draw what a step reads, and below it what its loss is told from."""
    names, (x, y) = marked.network.inputs, at
    marks = [(name, *marked.at(name, t)) for name in names]
    wrong = [colour for _, sign, colour in marks if sign == "✗"]
    style = {"edgecolor": wrong[0] if wrong else LINE, "linewidth": 2.0 if wrong else 1.2}
    sheet.box(at, (_box_width(names), BOX), rounding=3.0, **style)
    said = ", ".join(f"{name} {sign}".rstrip() for name, sign, _ in marks)
    colour = wrong[0] if wrong else (marks[0][2] if len(marks) == 1 else INK)
    sheet.text(at, said or "inputs", colour if marks else MUTED, align="center", size=10.0)
    if marked.network.targets:
        said = f"loss reads {', '.join(marked.network.targets)}"
        sheet.text((x, y + BOX / 2 + 12), said, MUTED, align="center", size=9.0)


def _carry(sheet: Sheet, marked: Marked, layout: Layout, column: int) -> None:
    """Draw the arrow from the column before, and the weights at work on it."""
    left, right = layout.x(column - 1), layout.x(column)
    is_dot = column == 0 and not marked.network.start
    radius = CIRCLE / 4 if is_dot else CIRCLE / 2
    sheet.arrow((left + radius, layout.state), (right - CIRCLE / 2 - 1, layout.state))
    names = marked.network.along
    middle = ((left + right) / 2, layout.state - 10 - ROW * (len(names) - 1))
    _names(sheet, marked, names, middle, align="center")
