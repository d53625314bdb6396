"""One matrix and one bias column a gate on [h; x], features first; parameters in a dict."""

from typing import Any

import numpy as np

from rnnverify.records import Array


def sigmoid(x: Array) -> Array:
    """Return σ(x)."""
    return 1 / (1 + np.exp(-x))


def forward(x: Array, a0: Array, p: dict[str, Array]) -> list[tuple[Any, ...]]:
    """Return a cache for each step of x (D B T), the cell being zero at first."""
    a, c, caches = a0, np.zeros_like(a0), []
    for t in range(x.shape[2]):
        concat = np.concatenate((a, x[:, :, t]), axis=0)
        ft = sigmoid(p["Wf"] @ concat + p["bf"])
        it = sigmoid(p["Wi"] @ concat + p["bi"])
        cct = np.tanh(p["Wc"] @ concat + p["bc"])
        c_prev, c = c, ft * c + it * cct
        ot = sigmoid(p["Wo"] @ concat + p["bo"])
        a = ot * np.tanh(c)
        caches.append((concat, c_prev, c, ft, it, cct, ot))
    return caches


def backward(da: Array, caches: list[tuple[Any, ...]], p: dict[str, Array]) -> dict[str, Array]:
    """Return gradients with a d before the name of each parameter, and da0, given da (H B T)."""
    gradients = {f"d{name}": np.zeros_like(value) for name, value in p.items()}
    n_a = len(da)
    da_prev, dc_prev = np.zeros_like(da[:, :, 0]), np.zeros_like(da[:, :, 0])
    for t in reversed(range(da.shape[2])):
        concat, c_prev, c, ft, it, cct, ot = caches[t]
        da_next = da[:, :, t] + da_prev
        dc = dc_prev + da_next * ot * (1 - np.tanh(c) ** 2)
        dgates = {
            "f": dc * c_prev * ft * (1 - ft),
            "i": dc * cct * it * (1 - it),
            "c": dc * it * (1 - cct**2),
            "o": da_next * np.tanh(c) * ot * (1 - ot),
        }
        dconcat = np.zeros_like(concat)
        for gate, dgate in dgates.items():
            gradients[f"dW{gate}"] += dgate @ concat.T
            gradients[f"db{gate}"] += dgate.sum(axis=1, keepdims=True)
            dconcat += p[f"W{gate}"].T @ dgate
        da_prev, dc_prev = dconcat[:n_a], dc * ft
    return {**gradients, "da0": da_prev}
