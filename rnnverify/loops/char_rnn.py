"""Character-level recurrent network, step by step.

As Karpathy's min-char-rnn has it, https://gist.github.com/karpathy/d4dee566867f8291f086: outer
products, added up. Equations and shapes are those of ``rnnverify.models.char_rnn``.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.loops.common import ByStep
from rnnverify.records import Array, Case

WEIGHTS = ("Wxh", "Whh", "Why", "bh", "by")


def gradients(case: Case) -> dict[str, Array]:
    """Compute char_rnn's gradients as the source does: step by step, by outer products."""
    Whh, Why, w = case["Whh"], case["Why"], case["loss_weights"]
    x, h, p = forward(case)
    g = {name: np.zeros_like(case[name]) for name in WEIGHTS}
    dhnext = np.zeros_like(case["h0"])
    for t in reversed(range(len(w))):
        dy = p[t].copy()
        dy[case["targets"][t]] -= 1
        g["Why"] += w[t] * np.outer(dy, h[t])
        g["by"] += w[t] * dy
        dhraw = (1 - h[t]) * (1 + h[t]) * (dhnext + w[t] * (Why.T @ dy))
        g["bh"] += dhraw
        g["Wxh"] += np.outer(dhraw, x[t])
        g["Whh"] += np.outer(dhraw, h[t - 1])
        dhnext = Whh.T @ dhraw
    return clip_gradients(g, case.clip) | {"h0": dhnext}


def forward(case: Case) -> tuple[Array, ByStep, ByStep]:
    """Return the one-hot inputs (T V), and by step the hidden states (h0 at -1) and softmaxes."""
    x = np.eye(len(case["by"]), dtype=case.dtype)[case["inputs"]]
    h, p = {-1: case["h0"]}, {}
    for t in range(len(x)):
        h[t] = np.tanh(case["bh"] + case["Whh"] @ h[t - 1] + case["Wxh"] @ x[t])
        y = case["by"] + case["Why"] @ h[t]
        e = np.exp(y - y.max())
        p[t] = e / e.sum()
    return x, h, p
