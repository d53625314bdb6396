"""Recurrent temporal restricted Boltzmann machine, step by step.

Outer products, added up; the expectations by a sum over the visible units' states. Equations and
shapes are those of ``rnnverify.models.rtrbm``.
"""

import itertools

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep, expit
from rnnverify.records import Array, Case

WEIGHTS = ("W", "U", "b_v", "b_h", "b_init")


def gradients(case: Case) -> dict[str, Array]:
    """Compute rtrbm's gradients, frame by frame."""
    U, v, w = case["U"], case["v"], case["loss_weights"]
    c, r = forward(case)
    g = {name: np.zeros_like(case[name]) for name in WEIGHTS}
    D = np.zeros_like(case["b_h"])
    for t in reversed(range(len(v))):
        of_h, of_v, of_hv = expectations(case, c[t])
        a = D * (1 - r[t]) * r[t]
        dc = w[t] * r[t] - w[t] * of_h + a
        g["W"] += w[t] * (np.outer(r[t], v[t]) - of_hv)
        g["W"] += np.outer(a, v[t])
        g["b_v"] += w[t] * (v[t] - of_v)
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


def expectations(case: Case, c: Array) -> tuple[Array, Array, Array]:
    """Return E[h] (H), E[v] (V) and E[h vᵀ] (H V), given the hidden units' biases (H).

    The model sums over the states of h, and knows the mean of v in each; here it is the reverse.
    Probabilities are relative to that of v = 0, or what all have in common would cost digits.
    """
    b_v, off, on = case["b_v"], -np.logaddexp(0, c), -np.logaddexp(0, -c)
    v = np.array(list(itertools.product((0, 1), repeat=len(b_v))), case.dtype)
    Wv = v @ case["W"].T
    log_p = np.logaddexp(off, on + Wv).sum(axis=1) + v @ b_v
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    p /= p.sum()
    h = expit(Wv + c)
    return p @ h, p @ v, np.einsum("s,sj,si->ji", p, h, v)
