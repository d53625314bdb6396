"""Bugs that a kind of case hides: among generated ones each is found all the same.

Such kinds are what tests by hand are made of: a single step, a batch of one, square matrices, a
symmetric recurrence, a plain sum of all outputs. Each bug is planted in every system that can have
it, is found within 100 generated cases, and is not found by any number of its own kind.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from rnnverify.checker import check
from rnnverify.drawing import explore
from rnnverify.models import (
    binary_adder,
    char_rnn,
    elman,
    elman_relu,
    gru,
    gru_reset_before,
    lstm,
    rtrbm,
    rtrbm_cd,
    werbos,
)
from rnnverify.records import Case
from rnnverify.strategies import cases
from tests.support import edited, is_found

MODULES = {
    "char_rnn": char_rnn,
    "binary_adder": binary_adder,
    "rtrbm": rtrbm,
    "rtrbm_cd": rtrbm_cd,
    "werbos": werbos,
    "elman": elman,
    "elman_relu": elman_relu,
    "lstm": lstm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
}
ONE_STEP = {
    "char_rnn": ("dh[t] + dhnext", "dh[t]"),
    "binary_adder": ("from_future + from_output[t]", "from_output[t]"),
    "rtrbm": ("g[t] = own[t] + a[t]", "g[t] = own[t]"),
    "rtrbm_cd": ("a, g = adjoints(", "a, g = 0 * r, w * (r - h)  # adjoints("),
    "werbos": ("F_net[t + 1] @ W1 +", "0 * F_net[t + 1] @ W1 +"),
    "elman": ("G[t] + dhnext", "G[t]"),
    "elman_relu": ("G[t] + dhnext", "G[t]"),
    "lstm": ("dh = G[t] + dhnext", "dh = G[t]"),
    "gru": ("dh = G[t] + dhnext", "dh = G[t]"),
    "gru_reset_before": ("dh = G[t] + dhnext", "dh = G[t]"),
}
TWO_STEPS = {
    "char_rnn": ("dhnext = dhraw[t] @ Whh", "dhnext = dhraw[t] @ Whh * (t + 2 != len(dh) - 1)"),
    "binary_adder": ("l1_delta[t] @ Sh.T", "l1_delta[t] @ Sh.T * (t + 3 != len(x))"),
    "rtrbm": ("D = U.T @ g[t]", "D = U.T @ g[t] * (t + 3 != len(r))"),
    "rtrbm_cd": ("r[:-1]", "np.vstack([r[:-1][:1], 0 * r[:-1][1:]])"),
    "werbos": ("F_net[t + 2] @ W2", "F_net[t + 2] @ W2 * (t + 3 != T)"),
    "elman": ("dz[t] @ Wh.T", "dz[t] @ Wh.T * (t + 3 != len(x))"),
    "elman_relu": ("dz[t] @ Wh.T", "dz[t] @ Wh.T * (t + 3 != len(x))"),
    "lstm": ("dcnext = dc * f", "dcnext = dc * f * (t + 3 != T)"),
    "gru": ("dhnext = dh * z", "dhnext = dh * z * (t + 3 != T)"),
    "gru_reset_before": ("dh * z[t] + drh", "dh * z[t] * (t + 3 != T) + drh"),
}
ONE_ROW = {
    "elman": ('"b": rows.sum(axis=0)', '"b": dz[:, 0].sum(axis=0)'),
    "elman_relu": ('"b": rows.sum(axis=0)', '"b": dz.mean(axis=1).sum(axis=0)'),
    "lstm": ('"b": rows.sum(axis=0)', '"b": dz[:, 0].sum(axis=0)'),
    "gru": ("np.split(rows.sum(axis=0), 3)", "da.mean(axis=1).sum(axis=0)"),
    "gru_reset_before": ("np.split(rows.sum(axis=0), 3)", "np.split(da[:, 0].sum(axis=0), 3)"),
}
ONE_UNIT = {
    "char_rnn": ("dhraw[t] @ Whh", "dhraw[t] @ Whh.T"),
    "binary_adder": ("l1_delta[t] @ Sh.T", "l1_delta[t] @ Sh"),
    "rtrbm": ("g[1:].T @ r[:-1]", "r[:-1].T @ g[1:]"),
    "rtrbm_cd": ("g[1:].T @ r[:-1]", "r[:-1].T @ g[1:]"),
    "elman": ("dz[t] @ Wh.T", "dz[t] @ Wh"),
    "elman_relu": ("dz[t] @ Wh.T", "dz[t] @ Wh"),
    "lstm": ("(h[:-1].reshape(T * B, H).T @ rows)", "(h[:-1, :, ::-1].reshape(T * B, H).T @ rows)"),
    "gru": ("dWhr.T", "dWhr.copy()"),
    "gru_reset_before": ("drh = da_n @ Whn.T", "drh = da_n @ Whn"),
}
SYMMETRIC = {
    "char_rnn": ("dhraw[t] @ Whh", "dhraw[t] @ Whh.T"),
    "binary_adder": ("l1_delta[t] @ Sh.T", "l1_delta[t] @ Sh"),
    "rtrbm": ("D = U.T @ g[t]", "D = U @ g[t]"),
    "werbos": ("F_net[t + 1] @ W1 +", "F_net[t + 1] @ W1.T +"),
    "elman": ("dz[t] @ Wh.T", "dz[t] @ Wh"),
    "elman_relu": ("dz[t] @ Wh.T", "dz[t] @ Wh"),
    "gru_reset_before": ("drh = da_n @ Whn.T", "drh = da_n @ Whn"),
}
SQUARE = {
    "char_rnn": ("dh = dy @ case", "dh = (1 + (dy.shape[1] != h.shape[1])) * dy @ case"),
    "elman": ("per_step(dz, Wx.T)", "per_step(dz, Wx.T) * Wx.shape[1] / Wx.shape[0]"),
    "elman_relu": ("per_step(dz, Wx.T)", "per_step(dz, Wx.T) * Wx.shape[1] / Wx.shape[0]"),
    "lstm": ("per_step(dz.reshape", "H / Wx.shape[0] * per_step(dz.reshape"),
    "gru": ("per_step(da.reshape", "H / Wx.shape[0] * per_step(da.reshape"),
    "gru_reset_before": ("per_step(da, Wx.T)", "per_step(da, Wx.T) * H / Wx.shape[0]"),
}
PLAIN_SUM = {
    "char_rnn": ("dy *= w[:, None]", ""),
    "binary_adder": ("l2_delta = w[:, None] * (l2 - y)", "l2_delta = (l2 - y)"),
    "rtrbm": ('adjoints(case["U"], r, w * (r', 'adjoints(case["U"], r, (r'),
    "rtrbm_cd": ('adjoints(case["U"], r, w * (r', 'adjoints(case["U"], r, (r'),
    "werbos": ('case["loss_weights"][:, None] * error', "error"),
    "elman": ("G[t] + dhnext", "np.ones_like(G[t]) + dhnext"),
    "elman_relu": ("G[t] + dhnext", "np.ones_like(G[t]) + dhnext"),
    "lstm": ("dh = G[t] + dhnext", "dh = np.ones_like(G[t]) + dhnext"),
    "gru": ("dh = G[t] + dhnext", "dh = np.ones_like(G[t]) + dhnext"),
    "gru_reset_before": ("dh = G[t] + dhnext", "dh = np.ones_like(G[t]) + dhnext"),
}
RECURRENT = {
    "char_rnn": "Whh",
    "binary_adder": "Sh",
    "rtrbm": "U",
    "werbos": "W1",
    "elman": "Wh",
    "elman_relu": "Wh",
    "gru_reset_before": "Whn",
}


def is_symmetric(case: Case) -> bool:
    """Whether the recurrent matrix is its own transpose."""
    W = case[RECURRENT[case.system]]
    return np.array_equal(W, W.T)


Kind = Callable[[Case], bool]
KINDS: dict[str, tuple[Kind, dict[str, tuple[str, str]]]] = {
    "T = 1": (lambda case: case.dims["T"] == 1, ONE_STEP),
    "T = 2": (lambda case: case.dims["T"] == 2, TWO_STEPS),
    "B = 1": (lambda case: case.dims["B"] == 1, ONE_ROW),
    "H = 1": (lambda case: case.dims["H"] == 1, ONE_UNIT),
    "V = H": (lambda case: case.dims["H"] == case.dims.get("V", case.dims.get("D")), SQUARE),
    "symmetric recurrence": (is_symmetric, SYMMETRIC),
    "plain sum": (lambda case: "loss: ones" in case.regimes, PLAIN_SUM),
}


@pytest.mark.parametrize("system", MODULES)
def test_bugs_that_are_often_hidden_are_found(system: str) -> None:
    """Each is found within 100 cases, though in none of the kind that hides it."""
    for kind, (hides, bugs) in KINDS.items():
        if system not in bugs:
            continue
        candidate = edited(MODULES[system], bugs[system])
        hiding = [case for case in many(system) if hides(case)]

        assert is_found(candidate, system), kind
        assert hiding, kind
        assert not any(check(case, candidate).failed for case in hiding), kind


@cache
def many(system: str) -> list[Case]:
    """Return enough cases that some are of every kind."""
    found: list[Case] = []
    explore(cases(system), found.append, seed=7, cases=400)
    return found
