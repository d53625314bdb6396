"""Truncated backpropagation, as its definition has it: each loss walks back by itself."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops import char_rnn, elman
from rnnverify.records import Array, Candidate, Case


def char_rnn_truncated(case: Case) -> dict[str, Array]:
    """Compute char_rnn's truncated gradients."""
    assert case.truncation is not None
    Whh, Why, w = case["Whh"], case["Why"], case["loss_weights"]
    since = case.truncation.since(len(w))
    x, h, p = char_rnn.forward(case)
    g = {name: np.zeros_like(case[name]) for name in (*char_rnn.WEIGHTS, "h0")}
    for t in range(len(w)):
        dy = p[t].copy()
        dy[case["targets"][t]] -= 1
        dy = w[t] * dy
        g["Why"] += np.outer(dy, h[t])
        g["by"] += dy
        dh = Why.T @ dy
        for s in range(t, since[t] - 1, -1):
            dhraw = (1 - h[s]) * (1 + h[s]) * dh
            g["bh"] += dhraw
            g["Wxh"] += np.outer(dhraw, x[s])
            g["Whh"] += np.outer(dhraw, h[s - 1])
            dh = Whh.T @ dhraw
        if since[t] == 0:
            g["h0"] += dh
    return g | clip_gradients({name: g[name] for name in char_rnn.WEIGHTS}, case.clip)


def elman_truncated(case: Case) -> dict[str, Array]:
    """Compute elman's truncated gradients, one sequence of the batch after the other."""
    g = {name: np.zeros_like(case[name]) for name in (*elman.WEIGHTS, "h0", "x")}
    for row in range(case.dims["B"]):
        _add_row(case, g, row)
    return g | clip_gradients({name: g[name] for name in elman.WEIGHTS}, case.clip)


def _add_row(case: Case, g: dict[str, Array], row: int) -> None:
    assert case.truncation is not None
    Wx, Wh, x, G = case["Wx"], case["Wh"], case["x"][:, row], case["G"][:, row]
    since = case.truncation.since(len(x))
    h = elman.forward(case, row, len(x))
    for t in range(len(x)):
        dh = G[t]
        for s in range(t, since[t] - 1, -1):
            dz = dh * (1 - h[s] * h[s])
            g["b"] += dz
            g["Wx"] += np.outer(x[s], dz)
            g["Wh"] += np.outer(h[s - 1], dz)
            g["x"][s, row] += Wx @ dz
            dh = Wh @ dz
        if since[t] == 0:
            g["h0"][row] += dh


TRUNCATED_LOOPS: Mapping[str, Candidate] = MappingProxyType(
    {"char_rnn": char_rnn_truncated, "elman": elman_truncated}
)
"""By system."""
