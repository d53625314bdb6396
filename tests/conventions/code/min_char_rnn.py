"""Weights are globals, vectors are columns, states are dicts by step; clips in place to ±5."""

import numpy as np

from rnnverify.records import Array

hidden_size, vocab_size = 100, 65
Wxh = np.random.default_rng(0).normal(size=(hidden_size, vocab_size)) * 0.01
Whh = np.random.default_rng(1).normal(size=(hidden_size, hidden_size)) * 0.01
Why = np.random.default_rng(2).normal(size=(vocab_size, hidden_size)) * 0.01
bh = np.zeros((hidden_size, 1))
by = np.zeros((vocab_size, 1))


def loss_fun(inputs: list[int], targets: list[int], hprev: Array) -> tuple[Array, ...]:
    """Return the loss, the gradients of the weights, and the last state."""
    xs: dict[int, Array] = {}
    hs, ps = {-1: np.copy(hprev)}, {}
    loss = np.zeros(())
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        y = Why @ hs[t] + by
        ps[t] = np.exp(y - y.max()) / np.sum(np.exp(y - y.max()))
        loss = loss - np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dh = Why.T @ dy + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += dhraw @ xs[t].T
        dWhh += dhraw @ hs[t - 1].T
        dhnext = Whh.T @ dhraw
    for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
        np.clip(dparam, -5, 5, out=dparam)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]
