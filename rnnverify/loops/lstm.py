"""Long short-term memory, one sequence of a batch after the other, and step by step.

One matrix a gate, that x and h are stacked for; outer products, added up. Equations are those of
``rnnverify.models.lstm``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep, sigmoid
from rnnverify.records import Array, Case

WEIGHTS = ("Wx", "Wh", "b")


def gradients(case: Case) -> dict[str, Array]:
    """Compute lstm's gradients as people write it at first: by row, by step and by gate."""
    T, B, _ = case["x"].shape
    lengths = case["lengths"] if "lengths" in case else [T] * B
    total = {name: np.zeros_like(case[name]) for name in (*WEIGHTS, "h0", "c0", "x")}
    for row, length in enumerate(lengths):
        of_row = gradients_of_row(case, row, length)
        for name in WEIGHTS:
            total[name] += of_row[name]
        total["h0"][row] = of_row["h0"]
        total["c0"][row] = of_row["c0"]
        total["x"][:length, row] = of_row["x"]
    return total | clip_gradients({name: total[name] for name in WEIGHTS}, case.clip)


def gradients_of_row(case: Case, row: int, length: int) -> dict[str, Array]:
    """Return what one sequence adds to the gradients."""
    x, G, D = case["x"][:length, row], case["G"][:, row], len(case["Wx"])
    W = np.concatenate([case["Wx"], case["Wh"]]).swapaxes(0, 1)
    xh, c, i, f, g, o = forward(case, row, length, W)
    dW, db, dx = np.zeros_like(W), np.zeros_like(case["b"]), np.zeros_like(x)
    dh, dc = np.zeros_like(case["h0"][row]), case["G_cT"][row]
    for t in reversed(range(length)):
        dh = dh + G[t]
        tanh_c = np.tanh(c[t])
        dc = dc + dh * o[t] * (1 - tanh_c) * (1 + tanh_c)
        di = dc * g[t] * (i[t] * (1 - i[t]))
        df = dc * c[t - 1] * (f[t] * (1 - f[t]))
        dg = dc * i[t] * ((1 - g[t]) * (1 + g[t]))
        do = dh * tanh_c * (o[t] * (1 - o[t]))
        dW[0] += np.outer(xh[t], di)
        dW[1] += np.outer(xh[t], df)
        dW[2] += np.outer(xh[t], dg)
        dW[3] += np.outer(xh[t], do)
        db += np.stack([di, df, dg, do])
        dxh = W[0] @ di + W[1] @ df + W[2] @ dg + W[3] @ do
        dx[t] = dxh[:D]
        dh = dxh[D:]
        dc = dc * f[t]
    dWx, dWh = np.split(dW.swapaxes(0, 1), [D])
    return {"Wx": dWx, "Wh": dWh, "b": db, "h0": dh, "c0": dc, "x": dx}


def forward(case: Case, row: int, length: int, W: Array) -> tuple[ByStep, ...]:
    """Return by step what goes into the gates, the cells (c0 at -1), and i, f, g and o."""
    x, b = case["x"][:, row], case["b"]
    h, c = {-1: case["h0"][row]}, {-1: case["c0"][row]}
    xh: ByStep = {}
    i, f, g, o = xh.copy(), xh.copy(), xh.copy(), xh.copy()
    for t in range(length):
        xh[t] = np.concatenate([x[t], h[t - 1]])
        i[t] = sigmoid(xh[t] @ W[0] + b[0])
        f[t] = sigmoid(xh[t] @ W[1] + b[1])
        g[t] = np.tanh(xh[t] @ W[2] + b[2])
        o[t] = sigmoid(xh[t] @ W[3] + b[3])
        c[t] = i[t] * g[t] + f[t] * c[t - 1]
        h[t] = np.tanh(c[t]) * o[t]
    return xh, c, i, f, g, o
