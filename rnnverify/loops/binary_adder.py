"""Recurrent network that adds binary numbers, position by position from the end.

As Trask has it, https://iamtrask.github.io/2015/11/15/anyone-can-code-lstm/: lists of what was
computed on the way forwards, read from their ends. Equations and shapes are those of
``rnnverify.models.binary_adder``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import sigmoid
from rnnverify.records import Array, Case

WEIGHTS = ("S0", "Sh", "S1")


def gradients(case: Case) -> dict[str, Array]:
    """Compute binary_adder's gradients as the source does, backwards by position."""
    Sh, S1, x = case["Sh"], case["S1"], case["x"]
    layer_1, layer_2_deltas = forward(case)
    g = {name: np.zeros_like(case[name]) for name in WEIGHTS}
    future = np.zeros_like(case["l1_init"])
    for position in range(1, len(x) + 1):
        now, before = layer_1[-position], layer_1[-position - 1]
        layer_2_delta = layer_2_deltas[-position]
        delta = (future @ Sh.T + layer_2_delta @ S1.T) * (now * (1 - now))
        g["S1"] += np.outer(now, layer_2_delta)
        g["Sh"] += np.outer(before, delta)
        g["S0"] += np.outer(x[-position], delta)
        future = delta
    return clip_gradients(g, case.clip) | {"l1_init": future @ Sh.T}


def forward(case: Case) -> tuple[list[Array], list[Array]]:
    """Return the hidden layers, from l1_init on, and each step's derivative by l1_t S1."""
    x, y, w = case["x"], case["y"], case["loss_weights"]
    layer_1, layer_2_deltas = [case["l1_init"]], []
    for t in range(len(x)):
        layer_1.append(sigmoid(layer_1[-1] @ case["Sh"] + x[t] @ case["S0"]))
        layer_2 = sigmoid(layer_1[-1] @ case["S1"])
        layer_2_deltas.append((layer_2 - y[t]) * w[t] * (layer_2 * (1 - layer_2)))
    return layer_1, layer_2_deltas
