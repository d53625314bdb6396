"""A forward and a backward function for a step and for all, batch first, with a cache of tuples."""

from typing import Any

import numpy as np

from rnnverify.records import Array

Cache = tuple[Any, ...]


def rnn_step_forward(
    x: Array, prev_h: Array, Wx: Array, Wh: Array, b: Array
) -> tuple[Array, Cache]:
    """Return the next state (N H) and a cache."""
    next_h: Array = np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h: Array, cache: Cache) -> tuple[Array, ...]:
    """Return dx, dprev_h, dWx, dWh, db."""
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    return dz.dot(Wx.T), dz.dot(Wh.T), x.T.dot(dz), prev_h.T.dot(dz), dz.sum(axis=0)


def rnn_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, list[Cache]]:
    """Return all states (N T H), given x (N T D), and a cache."""
    h, prev_h, caches = np.zeros((*x.shape[:2], h0.shape[1])), h0, []
    for t in range(x.shape[1]):
        prev_h, cache = rnn_step_forward(x[:, t], prev_h, Wx, Wh, b)
        h[:, t] = prev_h
        caches.append(cache)
    return h, caches


def rnn_backward(dh: Array, caches: list[Cache]) -> tuple[Array, ...]:
    """Return dx, dh0, dWx, dWh, db, given the upstream gradient dh (N T H)."""
    x, h0, Wx, Wh, _ = caches[0]
    dx = np.zeros((*dh.shape[:2], x.shape[1]))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(len(Wh))
    dprev_h = np.zeros_like(h0)
    for t in reversed(range(dh.shape[1])):
        dx[:, t], dprev_h, dWx_t, dWh_t, db_t = rnn_step_backward(dh[:, t] + dprev_h, caches[t])
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    return dx, dprev_h, dWx, dWh, db
