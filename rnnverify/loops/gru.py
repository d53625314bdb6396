"""Gated recurrent unit, one sequence of a batch after the other, and step by step.

Gate by gate, in columns: outer products, added up. The reset gate acts after the recurrent
product. Equations are those of ``rnnverify.models.gru``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep, expit
from rnnverify.records import Array, Case

WEIGHTS = ("Wxr", "Whr", "br", "Wxz", "Whz", "bz", "Wxn", "bxn", "Whn", "bhn")


def gradients(case: Case) -> dict[str, Array]:
    """Compute gru's gradients as people write it at first: by row, by step and by gate."""
    T, B, _ = case["x"].shape
    lengths = case["lengths"] if "lengths" in case else [T] * B
    total = {name: np.zeros_like(case[name]) for name in (*WEIGHTS, "h0", "x")}
    for row, length in enumerate(lengths):
        of_row = gradients_of_row(case, row, length)
        for name in WEIGHTS:
            total[name] += of_row[name]
        total["h0"][row] = of_row["h0"]
        total["x"][:length, row] = of_row["x"]
    return total | clip_gradients({name: total[name] for name in WEIGHTS}, case.clip)


def gradients_of_row(case: Case, row: int, length: int) -> dict[str, Array]:
    """Return what one sequence adds to the gradients."""
    x, G = case["x"][:length, row], case["G"][:, row]
    h, r, z, q, n = forward(case, row, length)
    g = {name: np.zeros_like(case[name]) for name in WEIGHTS}
    dx, dh = np.zeros_like(x), np.zeros_like(case["h0"][row])
    for t in reversed(range(length)):
        dh = dh + G[t]
        dn = (dh - dh * z[t]) * ((1 - n[t]) * (1 + n[t]))
        dz = (dh * h[t - 1] - dh * n[t]) * (z[t] * (1 - z[t]))
        dr = dn * q[t] * (r[t] * (1 - r[t]))
        dq = dn * r[t]
        g["Wxr"] += np.outer(x[t], dr)
        g["Wxz"] += np.outer(x[t], dz)
        g["Wxn"] += np.outer(x[t], dn)
        g["Whr"] += np.outer(h[t - 1], dr)
        g["Whz"] += np.outer(h[t - 1], dz)
        g["Whn"] += np.outer(h[t - 1], dq)
        g["br"] += dr
        g["bz"] += dz
        g["bxn"] += dn
        g["bhn"] += dq
        dx[t] = case["Wxn"] @ dn + case["Wxz"] @ dz + case["Wxr"] @ dr
        dh = case["Whr"] @ dr + case["Whz"] @ dz + case["Whn"] @ dq + z[t] * dh
    return g | {"h0": dh, "x": dx}


def forward(case: Case, row: int, length: int) -> tuple[ByStep, ...]:
    """Return by step the hidden states (h0 at -1), r, z, q and n."""
    x, h = case["x"][:, row], {-1: case["h0"][row]}
    r: ByStep = {}
    z, q, n = r.copy(), r.copy(), r.copy()
    for t in range(length):
        r[t] = expit(case["br"] + case["Wxr"].T @ x[t] + case["Whr"].T @ h[t - 1])
        z[t] = expit(case["bz"] + case["Wxz"].T @ x[t] + case["Whz"].T @ h[t - 1])
        q[t] = case["bhn"] + case["Whn"].T @ h[t - 1]
        n[t] = np.tanh(r[t] * q[t] + case["bxn"] + case["Wxn"].T @ x[t])
        h[t] = z[t] * h[t - 1] + (1 - z[t]) * n[t]
    return h, r, z, q, n
