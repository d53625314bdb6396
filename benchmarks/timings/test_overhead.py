"""What checking costs beside the candidate and one plain gradient of the reference."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks.harness import Timing
from benchmarks.problems import count, plain_case
from benchmarks.rows import OURS
from benchmarks.sizes import OVERHEAD_CASES, OVERHEAD_SIZES, STEPS
from rnnverify.builtin import find_system
from rnnverify.checker import check_under
from rnnverify.drawing import explore
from rnnverify.padding import bucket_of, pad
from rnnverify.programs import jax_settings
from rnnverify.records import DTYPES, Case
from rnnverify.strategies import cases
from rnnverify.terms import Terms
from rnnverify.unrolling import unrolled_gradient

GENERATED = "generated"
PLAIN = "candidate + gradient"
GENERATION = "generation"
SYSTEMS = ("char_rnn", "lstm")


@cache
def generated(system: str, dtype: str) -> Sequence[Case]:
    """Return the first cases of a run."""
    found: list[Case] = []
    explore(cases(system, dtype=dtype), found.append, seed=0, cases=OVERHEAD_CASES)
    return found


def checking(found: Sequence[Case]) -> Callable[[], object]:
    """Return what checks the built-in model in every case, as a run does."""
    model, terms = find_system(found[0].system).gradients, Terms(timeout=None)
    return lambda: [check_under([case.clip], case, model, terms) for case in found]


def plainly(found: Sequence[Case]) -> Callable[[], object]:
    """Return what calls the model, and the reference's jitted gradient, in every case.

    Arrays have been padded before, and results stay on JAX's side.
    """
    system = find_system(found[0].system)
    buckets = {bucket_of(system, case.dims) for case in found}
    gradients = {bucket: jax.jit(unrolled_gradient(system, bucket)) for bucket in buckets}
    asked = []
    for case in found:
        bucket = bucket_of(system, case.dims)
        sizes = {axis: np.int32(n) for axis, n in case.dims.items()}
        asked.append((case, gradients[bucket], pad(system, case, bucket), sizes))

    def both() -> None:
        with jax_settings():
            for case, gradient, arrays, sizes in asked:
                system.gradients(case)
                jax.block_until_ready(gradient(arrays, sizes))  # type: ignore[no-untyped-call]

    return both


def contests() -> list[Any]:
    """Return everything that is timed, at every size, rnnverify first."""
    return [
        (system, size, dtype, who)
        for system in SYSTEMS
        for size in (GENERATED, *OVERHEAD_SIZES)
        for dtype in (DTYPES if size == GENERATED else ("float64",))
        for who in contestants(size)
    ]


def contestants(size: int | str) -> Iterator[str]:
    """Give who is timed at a size."""
    yield from (OURS, PLAIN)
    if size == GENERATED:
        yield GENERATION


@pytest.mark.parametrize(("system", "size", "dtype", "who"), contests())
def test_overhead(system: str, size: int | str, dtype: str, who: str, timing: Timing) -> None:
    """Time checking, what cannot be done without, or the generation of cases."""
    found = [plain_case(system, size, STEPS)] if isinstance(size, int) else generated(system, dtype)
    shown = count(found[0]) if isinstance(size, int) else size
    work = {"table": "overhead", "system": system, "size": shown, "dtype": dtype}
    timing.about(who, scale=1 / len(found), cases=len(found), **work)
    if who == GENERATION:
        timing.cold(lambda: generated.__wrapped__(system, dtype), rounds=3)
    else:
        timing.warm(checking(found) if who == OURS else plainly(found))
