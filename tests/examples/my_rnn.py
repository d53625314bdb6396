"""The wrong file of README's first screen: one ``.T`` is missing, in the last line of the loop."""

import numpy as np


def gradients(case):
    Wxh, Whh, Why = case["Wxh"], case["Whh"], case["Why"]
    inputs, targets, w = case["inputs"], case["targets"], case["loss_weights"]
    xs, hs, ps = {}, {-1: case["h0"]}, {}
    for t in range(len(inputs)):
        xs[t] = np.eye(len(case["by"]))[inputs[t]]
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + case["bh"])
        y = Why @ hs[t] + case["by"]
        ps[t] = np.exp(y - y.max()) / np.sum(np.exp(y - y.max()))
    grads = {name: np.zeros_like(case[name]) for name in ("Wxh", "Whh", "Why", "bh", "by")}
    dhnext = np.zeros_like(case["h0"])
    for t in reversed(range(len(inputs))):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        dy *= w[t]
        grads["Why"] += np.outer(dy, hs[t])
        grads["by"] += dy
        dhraw = (1 - hs[t] ** 2) * (Why.T @ dy + dhnext)
        grads["bh"] += dhraw
        grads["Wxh"] += np.outer(dhraw, xs[t])
        grads["Whh"] += np.outer(dhraw, hs[t - 1])
        dhnext = Whh @ dhraw
    return grads | {"h0": dhnext}
