"""README's tables of what things cost, from the rows of ``python -m benchmarks``."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.checkers import CHECKERS
from benchmarks.rows import OURS, Row
from benchmarks.sizes import GROWING, MOST_FOR_SLOW, ROUGH, STEPS

NONE = "—"
"""Where there is no figure."""


def grid(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    every = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |".replace("| --- ", "|---") for cells in every)


def shown(seconds: float | None) -> str:
    """Return a time as people read it, in three digits at most."""
    if seconds is None:
        return NONE
    for unit, name in ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")):
        if seconds < 999.5 * unit or name == "s":
            return f"{figure(seconds / unit)} {name}"
    raise AssertionError


def figure(number: float) -> str:
    """Return a number to two digits below 10, and as an integer above."""
    return f"{number:#.2g}" if number < 9.95 else f"{number:,.0f}"


def cost_by_size(rows: Sequence[Row]) -> str:
    """Return the table of what a check costs against P, with how each cost grows."""
    mine = [row for row in rows if row["T"] == STEPS]
    lines = [line for system in systems(mine) for line in lines_of(mine, system, "size")]
    why = f"{NONE}: not run, since it takes the loss at least once a parameter: up to many minutes "
    why += f"a check beyond P = {MOST_FOR_SLOW:,}."
    return grid(["system", "P", *CHECKERS], lines) + f"\n\n{why}"


def cost_by_length(rows: Sequence[Row]) -> str:
    """Return the table of what a check costs against T, with how each cost grows."""
    mine = [row for row in rows if row["size"] == GROWING]
    lines = [line for system in systems(mine) for line in lines_of(mine, system, "T")]
    return f"P = {GROWING}:\n\n" + grid(["system", "T", *CHECKERS], lines)


def lines_of(rows: Sequence[Row], system: str, along: str) -> list[list[str]]:
    """Return the lines of one system: one a size, then how costs grow with it."""
    mine = [row for row in rows if row["system"] == system]
    at = sorted({row[along] for row in mine})
    times = {who: series(mine, who, along) for who in CHECKERS}
    lines = [[f"`{system}`", f"{x:,}", *(cell(times, who, x) for who in CHECKERS)] for x in at]
    letter = "P" if along == "size" else along
    starts = [("", 0.0), *([(f", from {ROUGH:,}", 0.99 * ROUGH)] if along == "size" else [])]
    for words, least in starts:
        slopes = [exponent(times[who], least) for who in CHECKERS]
        lines.append([f"`{system}`", f"exponent of {letter}{words}", *slopes])
    return lines


def series(rows: Sequence[Row], who: str, along: str) -> dict[float, float]:
    """Return the seconds that one contestant takes, by size."""
    if who == OURS:
        return {row[along]: row["ours_s"] for row in rows}
    return {row[along]: row["peer_s"] for row in rows if row["peer"] == who}


def cell(times: dict[str, dict[float, float]], who: str, x: float) -> str:
    """Return a time, and how many times as long as rnnverify's it is."""
    seconds = times[who].get(x)
    if seconds is None or who == OURS:
        return shown(seconds)
    return f"{shown(seconds)} ({figure(seconds / times[OURS][x])})"


def exponent(points: dict[float, float], least: float) -> str:
    """Return the slope of the logarithm of time against that of size, from some size on."""
    taken = {x: y for x, y in points.items() if x >= least}
    return f"{slope(taken):.2f}" if len(taken) > 1 else NONE


def slope(points: dict[float, float]) -> float:
    """Return the exponent of the power law that fits best."""
    x, y = np.log(list(points.keys())), np.log(list(points.values()))
    return float(np.polyfit(x, y, 1)[0])


def systems(rows: Sequence[Row]) -> list[str]:
    """Return the systems, in the order of the rows."""
    return list(dict.fromkeys(row["system"] for row in rows))


def overhead(rows: Sequence[Row]) -> str:
    """Return the table of what checking costs beside what cannot be done without."""
    grouped: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        size = f"{row['size']:,}" if isinstance(row["size"], int) else row["size"]
        grouped.setdefault((row["system"], size, row["dtype"]), {})[row["peer"]] = row
    head = ["system", "P", "dtype", "checking", "candidate + gradient", "ratio", "generation"]
    lines = [[f"`{name}`", *rest, *overhead_cells(of)] for (name, *rest), of in grouped.items()]
    return grid(head, lines)


def overhead_cells(found: dict[str, Row]) -> list[str]:
    """Return seconds a case, and their ratio."""
    plain, generation = found["candidate + gradient"], found.get("generation", {})
    times = [shown(plain["ours_s"]), shown(plain["peer_s"]), f"{plain['ratio']:.1f}"]
    return [*times, shown(generation.get("peer_s"))]


def first_verdict(rows: Sequence[Row]) -> str:
    """Return the table of the time to the first verdict, and of the main job."""
    files = list(dict.fromkeys(row["file"] for row in rows))
    taken = {(row["file"], row["peer"]): row["ours_s"] for row in rows}
    names = {"right": "README's file, mended", "wrong": "README's file, wrong"}
    lines = [
        [names.get(file, f"`{file}`"), *(seconds(taken[file, cache]) for cache in ("cold", "warm"))]
        for file in files
    ]
    return grid(["from process start to end", "cold", "warm"], lines)


def seconds(number: float) -> str:
    """Return seconds, to a tenth."""
    return f"{number:.1f} s"


def bptt(rows: Sequence[Row]) -> str:
    """Return the table of backpropagation by hand beside others, and the limit."""
    whos = list(dict.fromkeys(row["peer"] for row in rows))
    groups: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        key = (row["system"], sizes(row), row["dtype"])
        groups.setdefault(key, {})[row["peer"]] = row
    lines = []
    for (system, size, dtype), found in groups.items():
        ours = next(iter(found.values()))["ours_s"]
        cells = [bptt_cell(found.get(who), who) for who in whos]
        lines.append([f"`{system}`", size, dtype, shown(ours), *cells])
    heads = [f"share of the {who}" if who == "limit" else who for who in whos]
    return grid(["system", "sizes", "dtype", OURS, *heads], lines)


def bptt_cell(row: Row | None, who: str) -> str:
    """Return a peer's time and its ratio to ours, or which share of the limit we reach."""
    if row is None:
        return NONE
    if who == "limit":
        return f"{1 / row['ratio']:.0%}"
    return f"{shown(row['peer_s'])} ({figure(1 / row['ratio'])})"


def sizes(row: Row) -> str:
    """Return the axes and their sizes, such as T, V, H = 25, 65, 100."""
    return f"{', '.join(row['axes'])} = {', '.join(str(n) for n in row['size'])}"


def long_run(rows: Sequence[Row]) -> str:
    """Return the table of speed and memory in the course of a long run."""
    start: Row = {"cases": 0, "ours_s": 0.0}
    lines = [
        [f"{row['cases']:,}", figure(rate(before, row)), f"{row['rss_mb']:,.0f}"]
        for before, row in pairwise([start, *rows])
    ]
    return grid(["cases", "cases a second, since the line before", "resident MB"], lines)


def rate(before: Row, row: Row) -> float:
    """Return how many cases a second were checked between two rows."""
    return float((row["cases"] - before["cases"]) / (row["ours_s"] - before["ours_s"]))
