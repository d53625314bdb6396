"""Backpropagation through time itself: by hand in NumPy, by JAX, by torch, and the limit."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import pytest

from benchmarks import bptt
from benchmarks.harness import Timing

LIMIT = "limit"
PROBLEMS = bptt.problems()


@lru_cache(maxsize=1)
def contenders(number: int) -> Mapping[str, Callable[[], object]]:
    """Return who there is for a problem; the last one's memory is free again by then."""
    return bptt.contenders(PROBLEMS[number])


def contests() -> Iterator[Any]:
    """Give every problem with everybody who solves it, rnnverify first."""
    for number, problem in enumerate(PROBLEMS):
        dims = "-".join(map(str, problem.dims.values()))
        for who in bptt.known(problem.system):
            label = f"{problem.system}-{dims}-{problem.dtype}-{who}"
            yield pytest.param(number, who, id=label)


@pytest.mark.quick
@pytest.mark.parametrize(("number", "who"), list(contests()))
def test_bptt(number: int, who: str, timing: Timing) -> None:
    """Time one gradient, or one large matrix product that stands for the limit."""
    problem = PROBLEMS[number]
    dims = {"axes": list(problem.dims), "size": list(problem.dims.values())}
    scale = problem.flops / bptt.limit_flops(problem) if who == LIMIT else 1.0
    timing.about(
        who, scale=scale, table="bptt", system=problem.system, dtype=str(problem.dtype), **dims
    )
    timing.warm(contenders(number)[who])
