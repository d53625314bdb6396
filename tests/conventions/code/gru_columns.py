"""A class of cells on columns (D B); gates r, z, n below each other; None for dx."""

import numpy as np

from rnnverify.records import Array


class Cell:
    """W (3H D), U (3H H), b and c (3H 1), gates r, z, n below each other."""

    def __init__(self, W: Array, U: Array, b: Array, c: Array) -> None:
        self.W, self.U, self.b, self.c = W, U, b, c
        self.n_hidden = U.shape[1]

    def forward(self, x: Array, h: Array) -> Array:
        """Return the next state (H B), and remember this step."""
        m = self.n_hidden
        a, u = self.W @ x + self.b, self.U @ h + self.c
        gates = 1 / (1 + np.exp(-(a + u)[: 2 * m]))
        r, z = gates[:m], gates[m:]
        n = np.tanh(a[2 * m :] + r * u[2 * m :])
        self.tape = (x, h, r, z, n, u[2 * m :])
        out: Array = n + z * (h - n)
        return out

    def backward(self, dout: Array) -> tuple[list[Array], Array]:
        """Return the gradients of W, U, b and c at this step, and that of h."""
        x, h, r, z, n, u = self.tape
        dn = dout * (1 - z) * (1 - n**2)
        dz = dout * (h - n) * z * (1 - z)
        dr = dn * u * r * (1 - r)
        da, du = np.vstack([dr, dz, dn]), np.vstack([dr, dz, r * dn])
        sums = [each.sum(axis=1, keepdims=True) for each in (da, du)]
        return [da @ x.T, du @ h.T, *sums], dout * z + self.U.T @ du


def through_time(
    weights: list[Array], xs: Array, h: Array, douts: Array
) -> tuple[Array | None, ...]:
    """Return the gradients of xs (none), of h and of the weights."""
    cells = [Cell(*weights) for _ in xs]
    for cell, x in zip(cells, xs, strict=True):
        h = cell.forward(x, h)
    total, dh = [np.zeros_like(weight) for weight in weights], np.zeros_like(h)
    while cells:
        grads, dh = cells.pop().backward(douts[len(cells)] + dh)
        total = [a + b for a, b in zip(total, grads, strict=True)]
    return None, dh, *total
