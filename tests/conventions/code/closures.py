"""One sequence, no batch: columns in lists, and a list of functions that go back."""

from collections.abc import Callable

import numpy as np

from rnnverify.records import Array

Back = Callable[[Array], tuple[Array, Array]]


def cell(x: Array, h: Array, weights: list[Array], grads: list[Array]) -> tuple[Array, Back]:
    """Return the next state (H 1), and what adds to grads and returns those of x and h."""
    U, W, b = weights
    out: Array = np.tanh(U @ x + W @ h + b)

    def back(dout: Array) -> tuple[Array, Array]:
        dz = dout * (1 - out * out)
        grads[0] += dz @ x.T
        grads[1] += dz @ h.T
        grads[2] += dz
        return U.T @ dz, W.T @ dz

    return out, back


def run(xs: Array, h: Array, weights: list[Array], dhs: Array) -> tuple[list[Array], Array, Array]:
    """Return the gradients of the weights, of the inputs (T D 1) and of the first state."""
    grads = [np.zeros_like(weight) for weight in weights]
    backs: list[Back] = []
    for x in xs:
        h, back = cell(x, h, weights, grads)
        backs.append(back)
    dxs: list[Array] = []
    dh = np.zeros_like(h)
    for back, upstream in zip(reversed(backs), reversed(dhs), strict=True):
        dx, dh = back(upstream + dh)
        dxs.insert(0, dx)
    return grads, np.array(dxs), dh
