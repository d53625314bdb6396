"""Weights are globals; returns what is to be added to them, which is minus the gradient."""

import numpy as np

from rnnverify.records import Array

W_in, W_rec, W_out = np.zeros((2, 16)), np.zeros((16, 16)), np.zeros((16, 1))


def updates(X: Array, Y: Array, start: Array) -> list[Array]:
    """Return the updates of W_in, W_rec and W_out."""
    h = [start]
    for x in X:
        h.append(1 / (1 + np.exp(-(x @ W_in + h[-1] @ W_rec))))
    H = np.stack(h)
    out = 1 / (1 + np.exp(-H[1:] @ W_out))
    delta_out = (Y - out) * out * (1 - out)
    delta = np.zeros_like(H[1:])
    for t in range(len(X))[::-1]:
        error = delta_out[t] @ W_out.T
        if t + 1 < len(X):
            error = error + delta[t + 1] @ W_rec.T
        delta[t] = error * H[t + 1] * (1 - H[t + 1])
    return [X.T @ delta, H[:-1].T @ delta, H[1:].T @ delta_out]
