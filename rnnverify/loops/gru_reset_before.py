"""Gated recurrent unit, one sequence of a batch after the other, and step by step.

One matrix a gate, that x and h are stacked for; the reset gate acts before the recurrent product.
Equations are those of ``rnnverify.models.gru_reset_before``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep, sigmoid
from rnnverify.records import Array, Case

WEIGHTS = ("Wxr", "Whr", "br", "Wxz", "Whz", "bz", "Wxn", "Whn", "bn")


def gradients(case: Case) -> dict[str, Array]:
    """Compute gru_reset_before's gradients by row, by step and by gate."""
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
    x, G, D = case["x"][:length, row], case["G"][:, row], len(case["Wxr"])
    Wr, Wz, Wn = (np.vstack([case[f"Wx{gate}"], case[f"Wh{gate}"]]) for gate in "rzn")
    h, r, z, n = forward(case, row, length, (Wr, Wz, Wn))
    dWr, dWz, dWn = np.zeros_like(Wr), np.zeros_like(Wz), np.zeros_like(Wn)
    dbr, dbz, dbn = np.zeros((3, len(h[-1])), case.dtype)
    dx, dh = np.zeros_like(x), np.zeros_like(h[-1])
    for t in reversed(range(length)):
        dh = dh + G[t]
        xh = np.hstack([x[t], h[t - 1]])
        xrh = np.hstack([x[t], r[t] * h[t - 1]])
        dn = dh * (1 - z[t]) * (1 - n[t] * n[t])
        dz = dh * (h[t - 1] - n[t]) * (z[t] - z[t] * z[t])
        dxrh = Wn @ dn
        drh = dxrh[D:]
        dr = drh * h[t - 1] * (r[t] - r[t] * r[t])
        dxh = Wr @ dr + Wz @ dz
        dWr += np.outer(xh, dr)
        dWz += np.outer(xh, dz)
        dWn += np.outer(xrh, dn)
        dbr += dr
        dbz += dz
        dbn += dn
        dx[t] = dxrh[:D] + dxh[:D]
        dh = dxh[D:] + r[t] * drh + z[t] * dh
    g = {"Wxr": dWr[:D], "Wxz": dWz[:D], "Wxn": dWn[:D], "br": dbr, "bz": dbz, "bn": dbn}
    return g | {"Whr": dWr[D:], "Whz": dWz[D:], "Whn": dWn[D:], "h0": dh, "x": dx}


def forward(case: Case, row: int, length: int, W: tuple[Array, ...]) -> tuple[ByStep, ...]:
    """Return by step the hidden states (h0 at -1), r, z and n."""
    x, h = case["x"][:, row], {-1: case["h0"][row]}
    Wr, Wz, Wn = W
    r: ByStep = {}
    z, n = r.copy(), r.copy()
    for t in range(length):
        xh = np.hstack([x[t], h[t - 1]])
        r[t] = sigmoid(xh @ Wr + case["br"])
        z[t] = sigmoid(xh @ Wz + case["bz"])
        xrh = np.hstack([x[t], r[t] * h[t - 1]])
        n[t] = np.tanh(xrh @ Wn + case["bn"])
        h[t] = z[t] * h[t - 1] + (1 - z[t]) * n[t]
    return h, r, z, n
