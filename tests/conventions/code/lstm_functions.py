"""Gates i, f, o, g side by side, batch first, a step's cache a tuple; the cell begins at zero."""

from typing import Any

import numpy as np

from rnnverify.records import Array

Cache = tuple[Any, ...]


def sigmoid(x: Array) -> Array:
    """Return σ(x) without overflow."""
    z = np.exp(-np.abs(x))
    s: Array = np.where(x >= 0, 1, z) / (1 + z)
    return s


def lstm_step_forward(
    x: Array, prev: tuple[Array, Array], Wx: Array, Wh: Array, b: Array
) -> tuple[Array, Array, Cache]:
    """Return the next state and cell (N H), and a cache."""
    prev_h, prev_c = prev
    a = x @ Wx + prev_h @ Wh + b
    ai, af, ao, ag = np.split(a, 4, axis=1)
    i, f, o, g = sigmoid(ai), sigmoid(af), sigmoid(ao), np.tanh(ag)
    c = f * prev_c + i * g
    return o * np.tanh(c), c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, c)


def lstm_step_backward(dh: Array, dc: Array, cache: Cache) -> tuple[Array, ...]:
    """Return dx, dprev_h, dprev_c, dWx, dWh, db."""
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, c = cache
    dc = dc + dh * o * (1 - np.tanh(c) ** 2)
    do = dh * np.tanh(c)
    da = np.hstack(
        [dc * g * i * (1 - i), dc * prev_c * f * (1 - f), do * o * (1 - o), dc * i * (1 - g**2)]
    )
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def lstm(
    x: Array, h0: Array, weights: tuple[Array, Array, Array], dh: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Return dx (N T D), dh0, dWx, dWh, db, given the upstream gradient dh (N T H)."""
    Wx, Wh, b = weights
    h, c, caches = h0, np.zeros_like(h0), []
    for t in range(x.shape[1]):
        h, c, cache = lstm_step_forward(x[:, t], (h, c), Wx, Wh, b)
        caches.append(cache)
    dx, dprev_h, dprev_c = np.zeros_like(x), np.zeros_like(h0), np.zeros_like(h0)
    sums = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
    for t in reversed(range(x.shape[1])):
        dx[:, t], dprev_h, dprev_c, *grads = lstm_step_backward(
            dh[:, t] + dprev_h, dprev_c, caches[t]
        )
        sums = [total + grad for total, grad in zip(sums, grads, strict=True)]
    dWx, dWh, db = sums
    return dx, dprev_h, dWx, dWh, db
