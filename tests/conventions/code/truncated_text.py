"""A class with U, V, W, no biases and no initial state; goes back from every step's own loss."""

import numpy as np

from rnnverify.records import Array


class Network:
    """Keeps T+1 states, of which the last, s[-1], is the initial one, zero."""

    def __init__(self, word_dim: int, hidden_dim: int, bptt_truncate: int) -> None:
        random = np.random.default_rng(0)
        self.hidden_dim = hidden_dim
        self.bptt_truncate = bptt_truncate
        self.U = random.uniform(-1, 1, (hidden_dim, word_dim))
        self.V = random.uniform(-1, 1, (word_dim, hidden_dim))
        self.W = random.uniform(-1, 1, (hidden_dim, hidden_dim))

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return the probabilities (T V) and the states (T+1 H)."""
        s = np.zeros((len(x) + 1, self.hidden_dim))
        o = np.zeros((len(x), len(self.V)))
        for t in range(len(x)):
            s[t] = np.tanh(self.U[:, x[t]] + self.W.dot(s[t - 1]))
            y = self.V.dot(s[t])
            o[t] = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        return o, s

    def bptt(self, x: Array, y: Array) -> list[Array]:
        """Return the gradients of U, V and W, truncated."""
        o, s = self.forward(x)
        dU, dV, dW = np.zeros_like(self.U), np.zeros_like(self.V), np.zeros_like(self.W)
        o[np.arange(len(y)), y] -= 1
        for t in np.arange(len(y))[::-1]:
            dV += np.outer(o[t], s[t])
            delta = self.V.T.dot(o[t]) * (1 - s[t] ** 2)
            for step in np.arange(max(0, t - self.bptt_truncate), t + 1)[::-1]:
                dW += np.outer(delta, s[step - 1])
                dU[:, x[step]] += delta
                delta = self.W.T.dot(delta) * (1 - s[step - 1] ** 2)
        return [dU, dV, dW]
