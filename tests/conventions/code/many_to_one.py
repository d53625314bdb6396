"""Reads words as one-hot columns, classifies once at the end, and updates itself, clipped to ±1."""

import numpy as np

from rnnverify.records import Array


class RNN:
    """A classifier of sequences whose weights are attributes."""

    def __init__(self, input_size: int, output_size: int, hidden_size: int) -> None:
        random = np.random.default_rng(0)
        self.Whh = random.standard_normal((hidden_size, hidden_size)) / 1000
        self.Wxh = random.standard_normal((hidden_size, input_size)) / 1000
        self.Why = random.standard_normal((output_size, hidden_size)) / 1000
        self.bh = np.zeros((hidden_size, 1))
        self.by = np.zeros((output_size, 1))

    def forward(self, inputs: Array) -> Array:
        """Return the output after the last of the columns."""
        h = np.zeros_like(self.bh)
        self.last_inputs, self.last_hs = inputs, {0: h}
        for i, x in enumerate(inputs):
            h = np.tanh(self.Wxh @ x + self.Whh @ h + self.bh)
            self.last_hs[i + 1] = h
        y: Array = self.Why @ h + self.by
        return y

    def backprop(self, d_y: Array, learn_rate: float) -> None:
        """Update the weights, given the gradient of the output."""
        n = len(self.last_inputs)
        d_Why, d_by = d_y @ self.last_hs[n].T, d_y
        d_Whh, d_Wxh, d_bh = map(np.zeros_like, (self.Whh, self.Wxh, self.bh))
        d_h = self.Why.T @ d_y
        for t in reversed(range(n)):
            temp = (1 - self.last_hs[t + 1] ** 2) * d_h
            d_bh += temp
            d_Whh += temp @ self.last_hs[t].T
            d_Wxh += temp @ self.last_inputs[t].T
            d_h = self.Whh.T @ temp
        for d in [d_Wxh, d_Whh, d_Why, d_bh, d_by]:
            np.clip(d, -1, 1, out=d)
        self.Whh -= learn_rate * d_Whh
        self.Wxh -= learn_rate * d_Wxh
        self.Why -= learn_rate * d_Why
        self.bh -= learn_rate * d_bh
        self.by -= learn_rate * d_by


def softmax_error(y: Array, target: int) -> Array:
    """Return the gradient of the cross-entropy by the output."""
    e: Array = np.exp(y - y.max())
    d_y: Array = e / e.sum()
    d_y[target] -= 1
    return d_y
