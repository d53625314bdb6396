"""Contrastive divergence in the RTRBM, step by step: the data and the samples one after the other.

Outer products, added up. Equations and shapes are those of ``rnnverify.models.rtrbm_cd``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep, expit
from rnnverify.records import Array, Case

WEIGHTS = ("W", "U", "b_v", "b_h", "b_init")


def gradients(case: Case) -> dict[str, Array]:
    """Compute rtrbm_cd's gradients, frame by frame."""
    U, v, negatives, w = case["U"], case["v"], case["negatives"], case["loss_weights"]
    c, r = forward(case)
    g = {name: np.zeros_like(case[name]) for name in WEIGHTS}
    D = np.zeros_like(case["b_h"])
    for t in reversed(range(len(v))):
        sampled = expit(c[t] + case["W"] @ negatives[t])
        a = D * (1 - r[t]) * r[t]
        dc = w[t] * (r[t] - sampled) + a
        g["W"] += np.outer(a, v[t])
        g["W"] += w[t] * np.outer(r[t], v[t])
        g["W"] -= w[t] * np.outer(sampled, negatives[t])
        g["b_v"] += w[t] * v[t]
        g["b_v"] -= w[t] * negatives[t]
        if t > 0:
            g["b_h"] += dc
            g["U"] += np.outer(dc, r[t - 1])
            D = dc @ U
        else:
            g["b_init"] += dc
    return clip_gradients(g, case.clip)


def forward(case: Case) -> tuple[ByStep, ByStep]:
    """Return by step the hidden units' biases c and their means r."""
    c, r = {0: case["b_init"]}, {}
    for t in range(len(case["v"])):
        r[t] = expit(c[t] + case["W"] @ case["v"][t])
        c[t + 1] = case["U"] @ r[t] + case["b_h"]
    return c, r
