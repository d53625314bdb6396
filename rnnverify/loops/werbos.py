"""Ordered network with a memory of two steps, unit by unit.

By the sums of Werbos 1990, https://doi.org/10.1109/5.58337, one i and one j after the other. Those
for W' and W'' run over x_j(t) as they are printed, but from t = 0 and from t = -1. Equations and
shapes are those of ``rnnverify.models.werbos``.
"""

import itertools

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep, sigmoid
from rnnverify.records import Array, Case

WEIGHTS = ("W", "W1", "W2")


def gradients(case: Case) -> dict[str, Array]:
    """Compute werbos' gradients by the paper's sums."""
    (T, m), units = case["X"].shape, range(len(case["W"]))
    x, net = forward(case)
    F_x, F_net = backward(case, x, net)
    g = {name: np.zeros_like(case[name]) for name in WEIGHTS}
    for i, j in itertools.product(units, units):
        if j < i:
            g["W"][i, j] = sum(F_net[t][i] * x[t][j] for t in range(1, T + 1))
        g["W1"][i, j] = sum(F_net[t + 1][i] * x[t][j] for t in range(T))
        g["W2"][i, j] = sum(F_net[t + 2][i] * x[t][j] for t in range(-1, T - 1))
    F_X = np.stack([F_x[t][:m] for t in range(1, T + 1)])
    return clip_gradients(g, case.clip) | {"x0": F_x[0], "x_1": F_x[-1], "X": F_X}


def forward(case: Case) -> tuple[ByStep, ByStep]:
    """Return by step, from -1, all units, and from 1 what goes into them."""
    W, W1, W2, X = (case[name] for name in ("W", "W1", "W2", "X"))
    x, net = {-1: case["x_1"], 0: case["x0"]}, {}
    for t in range(1, len(X) + 1):
        x[t], net[t] = np.zeros_like(case["x0"]), np.zeros_like(case["x0"])
        x[t][: X.shape[1]] = X[t - 1]
        for i in range(X.shape[1], len(W)):
            for j in range(len(W)):
                net[t][i] += W2[i, j] * x[t - 2][j] + W1[i, j] * x[t - 1][j]
                net[t][i] += W[i, j] * x[t][j] if j < i else 0
            x[t][i] = sigmoid(net[t][i])
    return x, net


def backward(case: Case, x: ByStep, net: ByStep) -> tuple[ByStep, ByStep]:
    """Return by step, from -1, the ordered derivatives F_x and F_net; F_net is 0 beyond the end."""
    W, W1, W2, (T, m) = case["W"], case["W1"], case["W2"], case["X"].shape
    Y, w, N, units = case["Y"], case["loss_weights"], len(W) - case["Y"].shape[1], range(len(W))
    F_x, F_net = ({t: np.zeros_like(case["x0"]) for t in range(-1, T + 3)} for _ in range(2))
    for t in range(T, -2, -1):
        for i in reversed(units):
            if t >= 1 and i >= N:
                F_x[t][i] = w[t - 1] * (x[t][i] - Y[t - 1, i - N])
            for j in units:
                F_x[t][i] += W[j, i] * F_net[t][j] if j > i else 0
                F_x[t][i] += W1[j, i] * F_net[t + 1][j] + W2[j, i] * F_net[t + 2][j]
            if t >= 1 and i >= m:
                F_net[t][i] = F_x[t][i] * sigmoid(net[t][i]) * sigmoid(-net[t][i])
    return F_x, F_net
