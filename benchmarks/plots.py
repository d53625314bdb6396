"""README's pictures of what things cost; the same rows give the same bytes."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.checkers import CHECKERS
from benchmarks.markdown_timings import series, sizes, systems
from benchmarks.rows import OURS, Row
from benchmarks.sizes import GROWING, STEPS

FOLDER = Path(__file__).parent / "plots"
SETTINGS = {"svg.hashsalt": "rnnverify", "svg.fonttype": "none", "font.size": 9}
UNDATED = {"Date": None, "Creator": None}
STYLES: dict[str, dict[str, Any]] = {
    OURS: {"color": "black", "linewidth": 2.5},
    "candidate": {"linestyle": ":"},
}


def save(name: str, draw: Callable[[Any, Sequence[Row]], None], rows: Sequence[Row]) -> Path:
    """Draw a figure, and write it to a file."""
    matplotlib, figures = import_module("matplotlib"), import_module("matplotlib.figure")
    FOLDER.mkdir(exist_ok=True)
    target = FOLDER / f"{name}.svg"
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        figure = figures.Figure(figsize=(9, 4), layout="constrained")
        draw(figure, rows)
        figure.savefig(target, format="svg", metadata=UNDATED)
    return target


def cost_by_size(figure: Any, rows: Sequence[Row]) -> None:
    """Draw a checker's time against P, a line a checker and a picture a system."""
    costs(figure, [row for row in rows if row["T"] == STEPS], "size", "P, parameters")


def cost_by_length(figure: Any, rows: Sequence[Row]) -> None:
    """Draw a checker's time against T."""
    costs(figure, [row for row in rows if row["size"] == GROWING], "T", "T, steps")


def costs(figure: Any, rows: Sequence[Row], along: str, label: str) -> None:
    """Draw times against a size, both on logarithmic scales."""
    shown = systems(rows)
    every = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for system, axes in zip(shown, every, strict=True):
        mine = [row for row in rows if row["system"] == system]
        for who in CHECKERS:
            points = sorted(series(mine, who, along).items())
            axes.loglog(*zip(*points, strict=True), marker="o", label=who, **STYLES.get(who, {}))
        axes.set(title=system, xlabel=label)
        axes.grid(visible=True, alpha=0.3)
    figure.axes[0].set_ylabel("seconds")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right")


def bptt(figure: Any, rows: Sequence[Row]) -> None:
    """Draw how many times as long as rnnverify's models others take: bars upwards are slower."""
    whos = list(dict.fromkeys(row["peer"] for row in rows))
    works = list(dict.fromkeys(work(row) for row in rows))
    axes, width = figure.subplots(), 0.8 / len(whos)
    for i, who in enumerate(whos):
        slower = {work(row): 1 / row["ratio"] for row in rows if row["peer"] == who}
        found = [(n, slower[each]) for n, each in enumerate(works) if each in slower]
        places = [n + (i + 0.5) * width - 0.4 for n, _ in found]
        axes.bar(places, [ratio - 1 for _, ratio in found], width, bottom=1, label=who)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_xticks(range(len(works)), works, fontsize=6)
    axes.set(yscale="log", ylabel=f"time in that of {OURS}'s model")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    figure.legend(loc="outside right")


def work(row: Row) -> str:
    """Return what is timed in a row of bptt, in lines of text."""
    return "\n".join([row["system"], *sizes(row).split(" = "), row["dtype"]])
