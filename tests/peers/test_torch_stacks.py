"""Two layers, two directions: torch.nn, our models chained, and our references chained."""

from collections.abc import Callable

import jax
import numpy as np
import pytest

from rnnverify import System, find_system
from rnnverify.records import Interval
from rnnverify.rounding.tolerance import tolerance_of
from tests.peers.stacks import Shape, Sizes, Stack, by_jax, by_the_models, drawn, in_a_row
from tests.peers.torch_stacks import by_torch

Candidate = Callable[[System, Stack], Stack]

STACKS: list[tuple[Shape, Sizes, str]] = [
    (Shape(2, 1), Sizes(5, 3, 4, 2), "float64"),
    (Shape(2, 1), Sizes(5, 3, 4, 2), "float32"),
    (Shape(1, 2), Sizes(4, 2, 1, 3), "float64"),
    (Shape(1, 2), Sizes(4, 2, 1, 3), "float32"),
    (Shape(2, 2), Sizes(4, 1, 2, 3), "float64"),
    (Shape(2, 2), Sizes(4, 1, 2, 3), "float32"),
    (Shape(2, 2), Sizes(1, 1, 1, 1), "float32"),
]
SEEDS = range(5)


def wanted(system: System, stacks: list[Stack], dtype: str) -> Interval:
    """Return what the gradients of several stacks should be, a row for each."""

    def reference(stacked: Stack) -> jax.Array:
        gradients = jax.vmap(by_jax(system))(stacked)
        row: jax.Array = jax.vmap(lambda each: in_a_row(system, each, jax.numpy))(gradients)
        return row

    stacked = jax.tree.map(lambda *arrays: np.stack(arrays).astype(np.float64), *stacks)
    return tolerance_of(reference, stacked, dtype=dtype, steps=len(stacks[0].x))


def worst(candidate: Candidate, system: System, stacks: list[Stack], interval: Interval) -> float:
    """Return the largest error of any entry of any gradient, in that entry's tolerances."""
    got = np.stack([in_a_row(system, candidate(system, stack)) for stack in stacks])
    return float(np.max(np.abs(got - interval.want) / interval.tolerance))


@pytest.mark.parametrize(("shape", "sizes", "dtype"), STACKS)
@pytest.mark.parametrize("name", ["elman", "lstm", "gru"])
def test_torch_and_the_chained_models_agree_with_the_chained_reference(
    name: str, shape: Shape, sizes: Sizes, dtype: str
) -> None:
    """Every entry is within the tolerance that follows from the noise in all layers' operations.

    None is wider than rounding in that dtype makes it, depth or not: half of the digits are known.
    """
    system = find_system(name)
    stacks = [drawn(system, shape, sizes, seed=seed, dtype=dtype) for seed in SEEDS]
    interval = wanted(system, stacks, dtype)

    assert interval.blur < np.sqrt(np.finfo(dtype).eps) * interval.size
    assert worst(by_torch, system, stacks, interval) <= 1
    assert worst(by_the_models, system, stacks, interval) <= 1


def directions_exchanged(system: System, stack: Stack) -> Stack:
    """Let the cell that should read from the end read from the beginning, and the other way."""
    found = by_torch(system, _exchanged(stack))
    return _exchanged(found)


def _exchanged(stack: Stack) -> Stack:
    return stack._replace(cells=[layer[::-1] for layer in stack.cells])


def outputs_exchanged(system: System, stack: Stack) -> Stack:
    """Take the outputs of the second direction for those of the first."""
    first, second = np.split(stack.G, 2, axis=-1)
    return by_the_models(system, stack._replace(G=np.concatenate([second, first], axis=-1)))


def only_the_last_cells(system: System, stack: Stack) -> Stack:
    """Forget the cotangents of the last cells of the first layer."""
    lower, upper = stack.cells
    forgotten = [cell | {"G_cT": np.zeros_like(cell["G_cT"])} for cell in lower]
    return by_torch(system, stack._replace(cells=[forgotten, upper]))


def test_a_mistake_in_the_chain_is_far_beyond_the_tolerances() -> None:
    """A stack that is put together wrongly is off by many orders of magnitude."""
    system = find_system("lstm")
    stacks = [drawn(system, Shape(2, 2), Sizes(3, 2, 2, 2), seed=0, dtype="float64")]
    interval = wanted(system, stacks, "float64")
    mistakes = (directions_exchanged, outputs_exchanged, only_the_last_cells)
    errors = {each.__name__: worst(each, system, stacks, interval) for each in mistakes}

    assert min(errors.values()) > 1e9, errors
