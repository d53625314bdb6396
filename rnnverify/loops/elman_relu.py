"""Simple recurrent layer with rectified units, from one matrix that x, h and 1 are stacked for.

One sequence of the batch after the other, and step by step. Equations and shapes are those of
``rnnverify.models.elman_relu``; W is Wx on Wh on b (D+H+1 H).
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep
from rnnverify.records import Array, Case

WEIGHTS = ("Wx", "Wh", "b")


def gradients(case: Case) -> dict[str, Array]:
    """Compute elman_relu's gradients, one sequence and one step after the other."""
    T, B, D = case["x"].shape
    lengths = case["lengths"] if "lengths" in case else [T] * B
    W = np.vstack([case["Wx"], case["Wh"], case["b"]])
    dW = np.zeros_like(W)
    g = {name: np.zeros_like(case[name]) for name in ("h0", "x")}
    for row, length in enumerate(lengths):
        dW += backward(case, W, g, row, length)
    g["Wx"] = dW[:D]
    g["Wh"] = dW[D:-1]
    g["b"] = dW[-1]
    return g | clip_gradients({name: g[name] for name in WEIGHTS}, case.clip)


def backward(case: Case, W: Array, g: dict[str, Array], row: int, length: int) -> Array:
    """Return one sequence's part of dW, and put its dh0 and dx into g."""
    D, G = len(case["Wx"]), case["G"][:, row]
    xh1, z = forward(case, W, row, length)
    dW = np.zeros_like(W)
    dh = np.zeros_like(case["h0"][row])
    for t in reversed(range(length)):
        dz = dh + G[t]
        dz[z[t] <= 0] = 0
        dW += np.einsum("i,j->ij", xh1[t], dz)
        dxh1 = W @ dz
        dh = dxh1[D:-1]
        g["x"][t, row] = dxh1[:D]
    g["h0"][row] = dh
    return dW


def forward(case: Case, W: Array, row: int, length: int) -> tuple[ByStep, ByStep]:
    """Return one sequence's stacked [x_t, h_{t-1}, 1] and its z, by step."""
    x, h, one = case["x"][:, row], case["h0"][row], np.ones_like(case["b"][:1])
    xh1: ByStep = {}
    z: ByStep = {}
    for t in range(length):
        xh1[t] = np.concatenate([x[t], h, one])
        z[t] = xh1[t] @ W
        h = np.where(z[t] > 0, z[t], 0)
    return xh1, z
