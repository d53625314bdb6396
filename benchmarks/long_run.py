"""Run very many cases, and watch speed and memory: both should stay as they are.

    python -m benchmarks.long_run

A line of JSON goes to stdout now and then, so that others may read along.
"""

import json
import time
from collections.abc import Callable
from importlib import import_module

import click

from benchmarks.rows import complete
from benchmarks.sizes import LONG_RUN_CASES, LONG_RUN_EVERY
from rnnverify.builtin import CHAR_RNN
from rnnverify.records import Clip
from rnnverify.runner import execute
from rnnverify.runs import Run


@click.command()
@click.option("--cases", default=LONG_RUN_CASES, show_default=True)
@click.option("--every", default=LONG_RUN_EVERY, show_default=True, help="Cases between lines.")
def main(cases: int, every: int) -> None:
    """Check char_rnn's model in float64; print seconds since the start, and resident memory."""
    run = Run(
        candidate=CHAR_RNN.gradients,
        name="model",
        system=CHAR_RNN,
        clips=(Clip("none"),),
        dtype="float64",
        cases=cases,
        seed=0,
    )
    execute(run, reporter(every))


def reporter(every: int) -> Callable[[], None]:
    """Return what is called after every case, and prints a row after so many."""
    process = import_module("psutil").Process()
    start, done = time.perf_counter(), 0

    def visited() -> None:
        nonlocal done
        done += 1
        if done % every == 0:
            seconds, memory = time.perf_counter() - start, process.memory_info().rss / 2**20
            found = {"ours_s": seconds, "cases": done, "rss_mb": round(memory, 1)}
            head = {"table": "long_run", "system": CHAR_RNN.name, "dtype": "float64"}
            print(json.dumps(complete(head | found)), flush=True)

    return visited


if __name__ == "__main__":
    main()
