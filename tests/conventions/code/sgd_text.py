"""One step of SGD on parameters in a dict; nobody ever sees the gradients."""

import numpy as np

from rnnverify.records import Array


def train_step(p: dict[str, Array], x: Array, targets: Array, learning_rate: float) -> None:
    """Update p in place, on a sequence of one-hot rows x (T V)."""
    h = np.zeros((len(x) + 1, len(p["hidden"])))
    for t in range(len(x)):
        h[t + 1] = np.tanh(x[t] @ p["in"] + h[t] @ p["hidden"] + p["hidden_bias"])
    y = h[1:] @ p["out"] + p["out_bias"]
    e = np.exp(y - y.max(axis=1, keepdims=True))
    dy = e / e.sum(axis=1, keepdims=True) - np.eye(len(p["out_bias"]))[targets]
    dh = dy @ p["out"].T
    dz = np.zeros_like(h[1:])
    carry = np.zeros_like(h[0])
    for t in range(len(x) - 1, -1, -1):
        dz[t] = (dh[t] + carry) * (1 - h[t + 1] ** 2)
        carry = dz[t] @ p["hidden"].T
    p["out"] -= learning_rate * h[1:].T @ dy
    p["out_bias"] -= learning_rate * dy.sum(axis=0)
    p["in"] -= learning_rate * x.T @ dz
    p["hidden"] -= learning_rate * h[:-1].T @ dz
    p["hidden_bias"] -= learning_rate * dz.sum(axis=0)
