"""Simple recurrent layer, one sequence of the batch after the other, and step by step.

Outer products, added up; ``Wh @ dz`` for a row times the transpose. Equations and shapes are those
of ``rnnverify.models.elman``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep
from rnnverify.records import Array, Case

WEIGHTS = ("Wx", "Wh", "b")


def gradients(case: Case) -> dict[str, Array]:
    """Compute elman's gradients, one sequence and one step after the other."""
    T, B, _ = case["x"].shape
    lengths = case["lengths"] if "lengths" in case else [T] * B
    g = {name: np.zeros_like(case[name]) for name in (*WEIGHTS, "h0", "x")}
    for row, length in enumerate(lengths):
        add_row(case, g, row, length)
    return g | clip_gradients({name: g[name] for name in WEIGHTS}, case.clip)


def add_row(case: Case, g: dict[str, Array], row: int, length: int) -> None:
    """Add what comes from one sequence, which is so many steps long."""
    Wx, Wh, x, G = case["Wx"], case["Wh"], case["x"][:, row], case["G"][:, row]
    h = forward(case, row, length)
    dhnext = np.zeros_like(case["h0"][row])
    for t in reversed(range(length)):
        dh = dhnext + G[t]
        dz = (1 + h[t]) * (1 - h[t]) * dh
        g["b"] += dz
        g["Wx"] += np.outer(x[t], dz)
        g["Wh"] += np.outer(h[t - 1], dz)
        g["x"][t, row] = Wx @ dz
        dhnext = Wh @ dz
    g["h0"][row] = dhnext


def forward(case: Case, row: int, length: int) -> ByStep:
    """Return one sequence's hidden states by step, h0 at -1."""
    x, h = case["x"][:, row], {-1: case["h0"][row]}
    for t in range(length):
        h[t] = np.tanh(case["b"] + h[t - 1] @ case["Wh"] + x[t] @ case["Wx"])
    return h
