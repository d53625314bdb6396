"""Run correct code on very many cases and count accusations: there must be none.

    python -m benchmarks.false_alarms --cases 10000 --json -

For each system and dtype, the built-in model sees ``--cases`` generated cases; a second
implementation, which loops over steps and sums in other orders, a fifth of that, and so do batches
whose sequences have lengths of their own, and the models that truncate. Each case under every clip.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import click

from benchmarks.machine import machine
from rnnverify.builtin import SYSTEMS, find_system
from rnnverify.loops import LOOPS
from rnnverify.records import CLIP_KINDS, DTYPES, Clip, Truncation
from rnnverify.results import Report
from rnnverify.runner import execute
from rnnverify.runs import Run
from rnnverify.systems import System


@click.command()
@click.option("--cases", default=10_000, show_default=True, help="For each model and dtype.")
@click.option("--seed", default=1, show_default=True)
@click.option("--system", multiple=True, help="Only these.")
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
def main(cases: int, seed: int, system: tuple[str, ...], target: str) -> None:
    """Count false alarms; exit 1 if there is one."""
    rows = []
    for name in system or SYSTEMS:
        for run in runs(find_system(name), cases, seed):
            for report in execute(run, counter(run)):
                rows.append(row(report))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    text = json.dumps({"format": 1, "machine": machine(), "rows": rows}, indent=1)
    with click.open_file(target, "w") as file:
        file.write(text + "\n")
    sys.exit(any(row["alarms"] for row in rows))


def runs(system: System, cases: int, seed: int) -> Iterator[Run]:
    """Give every run of one system, in both dtypes."""
    for dtype in DTYPES:
        model = Run(
            candidate=system.gradients,
            name="model",
            system=system,
            clips=tuple(Clip(kind) for kind in CLIP_KINDS),
            dtype=dtype,
            cases=cases,
            seed=seed,
        )
        yield model
        fewer = replace(model, cases=max(1, cases // 5))
        yield replace(fewer, name="loops", candidate=LOOPS[system.name])
        if "B" in system.dims:
            yield replace(fewer, name="model, lengths", lengths=True)
        if system.truncated_gradients is not None:
            truncated = replace(fewer, candidate=system.truncated_gradients)
            yield replace(truncated, name="model, truncated", truncation=Truncation(4))
            chunks = Truncation(4, chunks=True)
            yield replace(truncated, name="model, chunks", truncation=chunks)


def counter(run: Run) -> Callable[[], None]:
    """Return what is called after every case, and says now and then how many there were."""
    done = 0

    def visited() -> None:
        nonlocal done
        done += 1
        if done % 2000 == 0:
            what = f"{run.system.name} {run.dtype} {run.name}"
            print(f"{what}: {done} of {run.cases}", file=sys.stderr, flush=True)

    return visited


def row(report: Report) -> dict[str, Any]:
    """Return the figures of one report."""
    alarms = ("inaccurate", "wrong", "nonfinite", "invalid")
    judged: Callable[[str], int] = lambda kind: report.counts.get(kind, 0)  # noqa: E731
    return {
        "system": report.system,
        "candidate": report.candidate,
        "dtype": report.dtype,
        "clip": report.clip,
        "cases": report.cases,
        "alarms": sum(judged(kind) for kind in alarms),
        "worst": max(each.worst or 0.0 for each in report.gradients.values()),
        "inconclusive": judged("inconclusive") / report.cases,
        "zero": judged("zero") / report.cases,
        "inconclusive_gradients": {
            name: round(1 - each.conclusive / each.nonzero, 4)
            for name, each in report.gradients.items()
            if each.nonzero
        },
        "failure": report.failure and report.failure.message,
    }


if __name__ == "__main__":
    main()
