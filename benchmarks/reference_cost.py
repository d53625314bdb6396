"""Time the reference with its tolerances, and how that compares with one plain gradient.

    python -m benchmarks.reference_cost --json -

Ratios are of medians measured in one run, one after the other; absolute times depend on the
machine, and on what else it does.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import click
import jax
import numpy as np

from benchmarks.machine import machine
from rnnverify.builtin import CHAR_RNN
from rnnverify.checker import check
from rnnverify.evaluation import evaluate
from rnnverify.models import char_rnn
from rnnverify.padding import bucket_of, pad
from rnnverify.programs import jax_settings
from rnnverify.unrolling import unrolled_gradient
from tests.support import char_rnn_case

SIZES = {"T, V, H = 8": 8, "T, V, H = 16": 16}


@click.command()
@click.option("--repeats", default=400, show_default=True)
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
def main(repeats: int, target: str) -> None:
    """Time the reference, the whole check, the candidate, and JAX's gradient alone."""
    rows = [measured(label, size, repeats) for label, size in SIZES.items()]
    text = json.dumps({"format": 1, "machine": machine(), "rows": rows}, indent=1)
    with click.open_file(target, "w") as file:
        file.write(text + "\n")


def measured(label: str, size: int, repeats: int) -> dict[str, Any]:
    """Return medians in milliseconds at one size."""
    case = char_rnn_case(T=size, V=size, H=size)
    bucket = bucket_of(CHAR_RNN, case.dims)
    arrays = pad(CHAR_RNN, case, bucket)
    dims = {axis: np.int32(n) for axis, n in case.dims.items()}
    with jax_settings():
        plain = jax.jit(unrolled_gradient(CHAR_RNN, bucket)).lower(arrays, dims).compile()

    def gradient() -> None:
        with jax_settings():
            jax.block_until_ready(plain(arrays, dims))  # type: ignore[no-untyped-call]

    timed: dict[str, Callable[[], object]] = {
        "reference_with_tolerances_ms": lambda: evaluate(CHAR_RNN, case),
        "jax_gradient_alone_ms": gradient,
        "candidate_ms": lambda: char_rnn.gradients(case),
        "check_ms": lambda: check(case, char_rnn.gradients),
    }
    figures = {name: median(call, repeats) for name, call in timed.items()}
    base = figures["jax_gradient_alone_ms"]
    return {
        "size": label,
        **{name: round(value, 4) for name, value in figures.items()},
        "reference_over_gradient": round(figures["reference_with_tolerances_ms"] / base, 2),
    }


def median(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call, in milliseconds, after a few to warm up."""
    times = []
    for _ in range(repeats + 10):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[10:])


if __name__ == "__main__":
    main()
