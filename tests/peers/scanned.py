"""Cells that somebody else wrote in JAX as candidates: scanned over the steps, differentiated.

Arrays are filled up with zeros to one size before JAX sees them, so that one program serves all
cases. No upstream gradient reaches what is filled up, and hidden units without weights stay zero.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify import Case, find_system
from rnnverify.records import Array

Arrays = Mapping[str, jax.Array]
States = tuple[jax.Array, ...]
"""h (B H); of an LSTM h and c."""
Step = Callable[[States, jax.Array], States]
Cell = Callable[[Arrays], Step]
"""The weights of a case -> one step, given the states and x_t (B D)."""

MOST = {"T": 12, "B": 4, "D": 6, "H": 6}


def gradients(case: Case, cell: Cell) -> dict[str, Array]:
    """Return the loss and all gradients of a case of a layer.

    Args:
        case: A case, none of whose axes is larger than MOST says.
        cell: Reads the case's weights, in its dtype.
    """
    system = find_system(case.system)
    filled = {name: _fill(case[name], system.arrays[name].shape(MOST)) for name in case}
    leaves = {name: filled.pop(name) for name in system.leaves}
    cotangents = [filled["G"]]
    if "G_cT" in filled:
        at_the_end = np.zeros_like(filled["G"])
        at_the_end[case.dims["T"] - 1] = filled["G_cT"]
        cotangents.append(at_the_end)
    with jax.enable_x64(case.dtype == np.float64):
        loss, found = _program(cell)(leaves, cotangents)
    cut = {name: np.asarray(g)[tuple(map(slice, case[name].shape))] for name, g in found.items()}
    return {"loss": np.asarray(loss), **cut}


def _fill(array: Array, shape: tuple[int, ...]) -> Array:
    return np.pad(array, [(0, most - n) for most, n in zip(shape, array.shape, strict=True)])


@cache
def _program(cell: Cell) -> Callable[..., Any]:
    def loss(leaves: Arrays, cotangents: list[jax.Array]) -> jax.Array:
        step = cell(leaves)
        states = tuple(leaves[name] for name in ("h0", "c0") if name in leaves)

        def body(states: States, x: jax.Array) -> tuple[States, States]:
            new = step(states, x)
            return new, new

        _, steps = jax.lax.scan(body, states, leaves["x"])
        return jnp.sum(jnp.stack([jnp.vdot(G, s) for G, s in zip(cotangents, steps, strict=True)]))

    return jax.jit(jax.value_and_grad(loss))
