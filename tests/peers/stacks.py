"""Layers on top of each other and in both directions, chained by hand from our single layers.

The second direction of a layer reads its input from the end; what a layer puts out is the output of
its directions side by side. In the gradient of x of the cells above, the cells below find their G.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.models import elman, gru, lstm
from rnnverify.records import Array, Case
from rnnverify.systems import System

Cell = dict[str, Any]
"""The weights and initial states of one layer in one direction, and an LSTM's G_cT, by name."""


class Shape(NamedTuple):
    """How many layers there are, in how many directions."""

    layers: int
    directions: int


class Sizes(NamedTuple):
    """Steps, sequences, input features, and hidden units of each cell."""

    T: int
    B: int
    D: int
    H: int


class Stack(NamedTuple):
    """A stack of layers with what it reads, or its gradients.

    Attributes:
        x: The input of the first layer (T B D).
        G: The upstream gradient of the outputs of the last layer (T B H, or T B 2H).
        cells: For each layer, a Cell for each direction.
    """

    x: Any
    G: Any
    cells: list[list[Cell]]


def drawn(system: System, shape: Shape, sizes: Sizes, *, seed: int, dtype: str) -> Stack:
    """Return a well-conditioned stack, rounded to the dtype."""
    random = np.random.default_rng(seed)
    T, B, D, H = sizes
    width = shape.directions * H

    def normal(*shape: int) -> Array:
        return np.asarray(random.standard_normal(shape) / np.sqrt(shape[0]), dtype)

    def cell(features: int) -> Cell:
        dims = {"B": B, "D": features, "H": H}
        arrays = {n: axes for n, axes in system.arrays.items() if n not in ("x", "G")}
        return {name: normal(*axes.shape(dims)) for name, axes in arrays.items()}

    features = [D, *[width] * (shape.layers - 1)]
    cells = [[cell(n) for _ in range(shape.directions)] for n in features]
    return Stack(normal(T, B, D), normal(T, B, width), cells)


def in_a_row(system: System, gradients: Stack, numpy: Any = np) -> Any:
    """Return all gradients as one array: of every cell's weights and states, then of x."""
    cells = [cell for layer in gradients.cells for cell in layer]
    arrays = [cell[n] for cell in cells for n in (*system.weights, *system.state)]
    return numpy.concatenate([array.ravel() for array in (*arrays, gradients.x)])


def by_jax(system: System) -> Callable[[Stack], Stack]:
    """Return a JAX function of a stack: its gradients, by automatic differentiation."""

    def loss(stack: Stack) -> jax.Array:
        read, of_cells = stack.x, jnp.zeros(())
        for layer in stack.cells:
            runs = [_run(system, cell, read, k) for k, cell in enumerate(layer)]
            read = jnp.concatenate([h for h, _ in runs], axis=-1)
            of_cells += sum(last for _, last in runs)
        return jnp.vdot(stack.G, read) + of_cells

    return jax.grad(loss)


def _run(system: System, cell: Cell, x: jax.Array, direction: int) -> tuple[jax.Array, Any]:
    """Return a cell's outputs (T B H), and what its last state adds to the loss."""
    step = system.step
    assert step is not None
    none = jnp.zeros_like(cell["h0"])

    def body(carry: Any, x_t: jax.Array) -> tuple[Any, jax.Array]:
        carry, _ = step(cell, carry, {"x": x_t, "G": none})
        return carry, carry[0] if system.final else carry

    carry, h = jax.lax.scan(body, system.init(cell, cell), _turned(x, direction))
    return _turned(h, direction), system.final(carry, cell) if system.final else 0.0


def _turned(steps: Any, direction: int) -> Any:
    return steps[::-1] if direction else steps


HIDDEN: dict[str, Callable[[Case], Array]] = {
    "elman": elman.forward,
    "lstm": lambda case: lstm.forward(case).h,
    "gru": lambda case: gru.forward(case).h,
}


def by_the_models(system: System, stack: Stack) -> Stack:
    """Return the gradients by our NumPy models, a call a cell, from the last layer to the first."""
    x, cases = stack.x, []
    for layer in stack.cells:
        cases.append([_case(system, cell, x, k) for k, cell in enumerate(layer)])
        outputs = [_turned(HIDDEN[system.name](case)[1:], k) for k, case in enumerate(cases[-1])]
        x = np.concatenate(outputs, axis=-1)
    G = stack.G
    found: list[list[Cell]] = []
    for layer_cases in reversed(cases):
        found.insert(0, _backward(system, layer_cases, G))
        G = sum(_turned(cell["x"], k) for k, cell in enumerate(found[0]))
    return Stack(G, None, found)


def _case(system: System, cell: Cell, x: Array, direction: int) -> Case:
    """Return what a cell reads, in the order in which it reads it, as a case without a G."""
    none = np.zeros((*x.shape[:2], cell["h0"].shape[1]))
    return system.case({**cell, "x": _turned(x, direction), "G": none}, dtype=str(x.dtype))


def _backward(system: System, layer: Sequence[Case], G: Array) -> list[Cell]:
    """Return the gradients of a layer's cells, given that of their outputs side by side."""
    parts = np.split(G, len(layer), axis=-1)
    return [
        dict(system.gradients(case.with_arrays({"G": _turned(part, k)})))
        for k, (case, part) in enumerate(zip(layer, parts, strict=True))
    ]
