"""Trains the output layer and the recurrent weights, and leaves those of the inputs as they are."""

import numpy as np

from rnnverify.records import Array


class Adder:
    """An adder with random features of the inputs; errors are weighted by step."""

    def __init__(self, S0: Array, Sh: Array, S1: Array) -> None:
        self.S0, self.Sh, self.S1 = S0, Sh, S1

    def grads(self, x: Array, y: Array, w: Array, l1: Array) -> dict[str, Array]:
        """Return the gradients of Sh and S1."""
        before, after, errors = [], [], []
        for t in range(len(x)):
            before.append(l1)
            l1 = 1 / (1 + np.exp(-(x[t] @ self.S0 + l1 @ self.Sh)))
            after.append(l1)
            out = 1 / (1 + np.exp(-l1 @ self.S1))
            errors.append(w[t] * (out - y[t]) * out * (1 - out))
        grad_Sh, grad_S1 = np.zeros_like(self.Sh), np.zeros_like(self.S1)
        future = np.zeros_like(l1)
        while errors:
            error, l1, previous = errors.pop(), after.pop(), before.pop()
            grad_S1 += np.outer(l1, error)
            delta = (self.S1 @ error + self.Sh @ future) * l1 * (1 - l1)
            grad_Sh += np.outer(previous, delta)
            future = delta
        return {"Sh_grad": grad_Sh, "S1_grad": grad_S1}
