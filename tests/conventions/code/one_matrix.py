"""All weights in one matrix on [1, x, h], the biases being its first row."""

import numpy as np

from rnnverify.records import Array


def backward(W: Array, X: Array, h0: Array, dH: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of W (1+D+H H), X (T B D) and h0, given that of the states."""
    T, B, D = X.shape
    Hin = np.ones((T, B, len(W)))
    h = h0
    Hout = np.zeros_like(dH)
    for t in range(T):
        Hin[t, :, 1 : 1 + D] = X[t]
        Hin[t, :, 1 + D :] = h
        h = Hout[t] = np.tanh(Hin[t] @ W)
    dW, dX, dh = np.zeros_like(W), np.zeros_like(X), np.zeros_like(h0)
    for t in reversed(range(T)):
        dZ = (dH[t] + dh) * (1 - Hout[t] ** 2)
        dW += Hin[t].T @ dZ
        dHin = dZ @ W.T
        dX[t] = dHin[:, 1 : 1 + D]
        dh = dHin[:, 1 + D :]
    return dW, dX, dh
