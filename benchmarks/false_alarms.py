"""Run correct code on very many cases and count accusations: there must be none.

    python -m benchmarks.false_alarms --cases 25000 --json -

For each system and dtype, the built-in model sees ``--cases`` generated cases, and a second
implementation, which sums in other orders, two fifths of that; each case under every clip.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from benchmarks.machine import machine
from rnnverify.builtin import SYSTEMS
from rnnverify.records import CLIP_KINDS, DTYPES, Candidate, Clip, Report
from rnnverify.runner import Run
from tests.support import binary_adder_loops, char_rnn_loops

SECOND: dict[str, Candidate] = {
    "char_rnn": char_rnn_loops,
    "binary_adder": binary_adder_loops,
}


@click.command()
@click.option("--cases", default=25_000, show_default=True, help="For each model and dtype.")
@click.option("--seed", default=1, show_default=True)
@click.option("--system", multiple=True, help="Only these.")
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
def main(cases: int, seed: int, system: tuple[str, ...], target: str) -> None:
    """Count false alarms; exit 1 if there is one."""
    rows = []
    for name in system or SYSTEMS:
        models = {"model": (SYSTEMS[name].gradients, cases)}
        if name in SECOND:
            models["loops"] = (SECOND[name], cases * 2 // 5)
        for label, (candidate, count) in models.items():
            for dtype in DTYPES:
                for report in reports(name, candidate, dtype, count, seed):
                    rows.append(row(label, report))
                    print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    text = json.dumps({"format": 1, "machine": machine(), "rows": rows}, indent=1)
    with click.open_file(target, "w") as file:
        file.write(text + "\n")
    sys.exit(any(row["alarms"] for row in rows))


def reports(name: str, candidate: Candidate, dtype: str, cases: int, seed: int) -> list[Report]:
    """Run one candidate under every clip."""
    done = 0

    def visited() -> None:
        nonlocal done
        done += 1
        if done % 2000 == 0:
            print(f"{name} {dtype}: {done} of {cases}", file=sys.stderr, flush=True)

    run = Run(
        candidate=candidate,
        name=name,
        system=SYSTEMS[name],
        clips=tuple(Clip(kind) for kind in CLIP_KINDS),
        dtype=dtype,
        cases=cases,
        seed=seed,
    )
    return run.reports(visited)


def row(label: str, report: Report) -> dict[str, Any]:
    """Return the figures of one report."""
    alarms = ("inaccurate", "wrong", "nonfinite", "invalid")
    judged: Callable[[str], int] = lambda kind: report.counts.get(kind, 0)  # noqa: E731
    return {
        "system": report.system,
        "candidate": label,
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
        },
        "failure": report.failure and report.failure.message,
    }


if __name__ == "__main__":
    main()
