"""The papers' systems, step by step: outer products, added up."""

import itertools

import numpy as np

from rnnverify.records import Array, Case
from tests.loops.common import ByStep, clipped, expit, sigmoid, zeros


def char_rnn_loops(case: Case) -> dict[str, Array]:
    """Compute char_rnn's gradients as the source does: step by step, by outer products."""
    Whh, Why, w = case["Whh"], case["Why"], case["loss_weights"]
    x, h, p = _read_text(case)
    g = zeros(case)
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
    return clipped(case, g | {"h0": dhnext})


def char_rnn_truncated_loops(case: Case) -> dict[str, Array]:
    """Compute char_rnn's truncated gradients by two loops: each loss walks back by itself."""
    assert case.truncation is not None
    Whh, Why, w = case["Whh"], case["Why"], case["loss_weights"]
    since = case.truncation.since(len(w))
    x, h, p = _read_text(case)
    g = zeros(case)
    for t in range(len(w)):
        dy = p[t].copy()
        dy[case["targets"][t]] -= 1
        dy = w[t] * dy
        g["Why"] += np.outer(dy, h[t])
        g["by"] += dy
        dh = Why.T @ dy
        for s in range(t, since[t] - 1, -1):
            dhraw = (1 - h[s]) * (1 + h[s]) * dh
            g["bh"] += dhraw
            g["Wxh"] += np.outer(dhraw, x[s])
            g["Whh"] += np.outer(dhraw, h[s - 1])
            dh = Whh.T @ dhraw
        if since[t] == 0:
            g["h0"] += dh
    return clipped(case, g)


def _read_text(case: Case) -> tuple[Array, ByStep, ByStep]:
    """Return the one-hot inputs (T V), and by step the hidden states (h0 at -1) and softmaxes."""
    x = np.eye(len(case["by"]), dtype=case.dtype)[case["inputs"]]
    h, p = {-1: case["h0"]}, {}
    for t in range(len(x)):
        h[t] = np.tanh(case["bh"] + case["Whh"] @ h[t - 1] + case["Wxh"] @ x[t])
        y = case["by"] + case["Why"] @ h[t]
        e = np.exp(y - y.max())
        p[t] = e / e.sum()
    return x, h, p


def binary_adder_loops(case: Case) -> dict[str, Array]:
    """Compute binary_adder's gradients as the source does, backwards by position."""
    S0, Sh, S1 = case["S0"], case["Sh"], case["S1"]
    x, y, w = case["x"], case["y"], case["loss_weights"]
    layer_1, layer_2_deltas = [case["l1_init"]], []
    for t in range(len(x)):
        layer_1.append(sigmoid(layer_1[-1] @ Sh + x[t] @ S0))
        layer_2 = sigmoid(layer_1[-1] @ S1)
        layer_2_deltas.append((layer_2 - y[t]) * w[t] * (layer_2 * (1 - layer_2)))
    g = zeros(case)
    future = np.zeros_like(case["l1_init"])
    for position in range(1, len(x) + 1):
        now, before = layer_1[-position], layer_1[-position - 1]
        delta = (future @ Sh.T + layer_2_deltas[-position] @ S1.T) * (now * (1 - now))
        g["S1"] += np.outer(now, layer_2_deltas[-position])
        g["Sh"] += np.outer(before, delta)
        g["S0"] += np.outer(x[-position], delta)
        future = delta
    return clipped(case, g | {"l1_init": future @ Sh.T})


def rtrbm_loops(case: Case) -> dict[str, Array]:
    """Compute rtrbm's gradients, the expectations by a sum over the visible units' states."""
    v, w = case["v"], case["loss_weights"]
    c, r = _read_frames(case)
    g = zeros(case)
    D = np.zeros_like(case["b_h"])
    for t in reversed(range(len(v))):
        of_h, of_v, of_hv = _expectations(case, c[t])
        a = D * (1 - r[t]) * r[t]
        g["W"] += w[t] * (np.outer(r[t], v[t]) - of_hv) + np.outer(a, v[t])
        g["b_v"] += w[t] * (v[t] - of_v)
        D = _into_biases(case, g, r, t, w[t] * r[t] - w[t] * of_h + a)
    return clipped(case, g)


def rtrbm_cd_loops(case: Case) -> dict[str, Array]:
    """Compute rtrbm_cd's gradients, the data and the samples one after the other."""
    v, negatives, w = case["v"], case["negatives"], case["loss_weights"]
    c, r = _read_frames(case)
    g = zeros(case)
    D = np.zeros_like(case["b_h"])
    for t in reversed(range(len(v))):
        sampled = expit(c[t] + case["W"] @ negatives[t])
        a = D * (1 - r[t]) * r[t]
        g["W"] += np.outer(a, v[t])
        g["W"] += w[t] * np.outer(r[t], v[t])
        g["W"] -= w[t] * np.outer(sampled, negatives[t])
        g["b_v"] += w[t] * v[t]
        g["b_v"] -= w[t] * negatives[t]
        D = _into_biases(case, g, r, t, w[t] * (r[t] - sampled) + a)
    return clipped(case, g)


def _read_frames(case: Case) -> tuple[ByStep, ByStep]:
    """Return by step the hidden units' biases c and means r of an RTRBM."""
    c, r = {0: case["b_init"]}, {}
    for t in range(len(case["v"])):
        r[t] = expit(c[t] + case["W"] @ case["v"][t])
        c[t + 1] = case["U"] @ r[t] + case["b_h"]
    return c, r


def _into_biases(case: Case, g: dict[str, Array], r: ByStep, t: int, dc: Array) -> Array:
    """Add what comes from c_t of an RTRBM, and return what goes on to r_{t-1}."""
    if t == 0:
        g["b_init"] += dc
    else:
        g["b_h"] += dc
        g["U"] += np.outer(dc, r[t - 1])
    return dc @ case["U"]


def _expectations(case: Case, c: Array) -> tuple[Array, Array, Array]:
    """Return E[h], E[v] and E[h vᵀ] of an RBM, given its hidden biases.

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


def werbos_loops(case: Case) -> dict[str, Array]:
    """Compute werbos' gradients by the paper's sums, one i and j after the other.

    The sums for W' and W'' run over x_j(t) as they are printed, from t = 0 and from t = -1.
    """
    W, W1, W2, X = (case[name] for name in ("W", "W1", "W2", "X"))
    (T, m), N, units = X.shape, len(W) - case["Y"].shape[1], range(len(W))
    x, net = _run_ordered(case)
    F_x, F_net = ({t: np.zeros_like(case["x0"]) for t in range(-1, T + 3)} for _ in range(2))
    for t in range(T, -2, -1):
        for i in reversed(units):
            if t >= 1 and i >= N:
                F_x[t][i] = case["loss_weights"][t - 1] * (x[t][i] - case["Y"][t - 1, i - N])
            for j in units:
                F_x[t][i] += W[j, i] * F_net[t][j] if j > i else 0
                F_x[t][i] += W1[j, i] * F_net[t + 1][j] + W2[j, i] * F_net[t + 2][j]
            if t >= 1 and i >= m:
                F_net[t][i] = F_x[t][i] * sigmoid(net[t][i]) * sigmoid(-net[t][i])
    g = zeros(case)
    for i, j in itertools.product(units, units):
        if j < i:
            g["W"][i, j] = sum(F_net[t][i] * x[t][j] for t in range(1, T + 1))
        g["W1"][i, j] = sum(F_net[t + 1][i] * x[t][j] for t in range(T))
        g["W2"][i, j] = sum(F_net[t + 2][i] * x[t][j] for t in range(-1, T - 1))
    g["X"][:] = [F_x[t][:m] for t in range(1, T + 1)]
    return clipped(case, g | {"x0": F_x[0], "x_1": F_x[-1]})


def _run_ordered(case: Case) -> tuple[ByStep, ByStep]:
    """Return by step, from -1, all units of an ordered network, and from 1 what goes into them."""
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
