"""A second implementation of every system's gradients, as people write them: step by step.

It differs from the models wherever correct code may: one sequence of a batch after the other, outer
products that are added up, other orders of sums, other forms of σ and of the slopes, gates one by
one where the models stack them, and stacked where they do not. None of it is written for speed.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from rnnverify.builtin import SYSTEMS
from rnnverify.clipping import clip_gradients
from rnnverify.records import Array, Candidate, Case

Arrays = Mapping[str, Array]
ByStep = dict[int, Array]


def char_rnn_loops(case: Case) -> dict[str, Array]:
    """Compute char_rnn's gradients as the source does: step by step, by outer products."""
    Whh, Why, w = case["Whh"], case["Why"], case["loss_weights"]
    x, h, p = _read_text(case)
    g = _zeros(case)
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
    return _clipped(case, g | {"h0": dhnext})


def char_rnn_truncated_loops(case: Case) -> dict[str, Array]:
    """Compute char_rnn's truncated gradients by two loops: each loss walks back by itself."""
    assert case.truncation is not None
    Whh, Why, w = case["Whh"], case["Why"], case["loss_weights"]
    since = case.truncation.since(len(w))
    x, h, p = _read_text(case)
    g = _zeros(case)
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
    return _clipped(case, g)


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
        layer_1.append(_sigmoid(layer_1[-1] @ Sh + x[t] @ S0))
        layer_2 = _sigmoid(layer_1[-1] @ S1)
        layer_2_deltas.append((layer_2 - y[t]) * w[t] * (layer_2 * (1 - layer_2)))
    g = _zeros(case)
    future = np.zeros_like(case["l1_init"])
    for position in range(1, len(x) + 1):
        now, before = layer_1[-position], layer_1[-position - 1]
        delta = (future @ Sh.T + layer_2_deltas[-position] @ S1.T) * (now * (1 - now))
        g["S1"] += np.outer(now, layer_2_deltas[-position])
        g["Sh"] += np.outer(before, delta)
        g["S0"] += np.outer(x[-position], delta)
        future = delta
    return _clipped(case, g | {"l1_init": future @ Sh.T})


def rtrbm_loops(case: Case) -> dict[str, Array]:
    """Compute rtrbm's gradients, the expectations by a sum over the visible units' states."""
    v, w = case["v"], case["loss_weights"]
    c, r = _read_frames(case)
    g = _zeros(case)
    D = np.zeros_like(case["b_h"])
    for t in reversed(range(len(v))):
        of_h, of_v, of_hv = _expectations(case, c[t])
        a = D * (1 - r[t]) * r[t]
        g["W"] += w[t] * (np.outer(r[t], v[t]) - of_hv) + np.outer(a, v[t])
        g["b_v"] += w[t] * (v[t] - of_v)
        D = _into_biases(case, g, r, t, w[t] * r[t] - w[t] * of_h + a)
    return _clipped(case, g)


def rtrbm_cd_loops(case: Case) -> dict[str, Array]:
    """Compute rtrbm_cd's gradients, the data and the samples one after the other."""
    v, negatives, w = case["v"], case["negatives"], case["loss_weights"]
    c, r = _read_frames(case)
    g = _zeros(case)
    D = np.zeros_like(case["b_h"])
    for t in reversed(range(len(v))):
        sampled = _expit(c[t] + case["W"] @ negatives[t])
        a = D * (1 - r[t]) * r[t]
        g["W"] += np.outer(a, v[t])
        g["W"] += w[t] * np.outer(r[t], v[t])
        g["W"] -= w[t] * np.outer(sampled, negatives[t])
        g["b_v"] += w[t] * v[t]
        g["b_v"] -= w[t] * negatives[t]
        D = _into_biases(case, g, r, t, w[t] * (r[t] - sampled) + a)
    return _clipped(case, g)


def _read_frames(case: Case) -> tuple[ByStep, ByStep]:
    """Return by step the hidden units' biases c and means r of an RTRBM."""
    c, r = {0: case["b_init"]}, {}
    for t in range(len(case["v"])):
        r[t] = _expit(c[t] + case["W"] @ case["v"][t])
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
    h = _expit(Wv + c)
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
                F_net[t][i] = F_x[t][i] * _sigmoid(net[t][i]) * _sigmoid(-net[t][i])
    g = _zeros(case)
    for i, j in itertools.product(units, units):
        if j < i:
            g["W"][i, j] = sum(F_net[t][i] * x[t][j] for t in range(1, T + 1))
        g["W1"][i, j] = sum(F_net[t + 1][i] * x[t][j] for t in range(T))
        g["W2"][i, j] = sum(F_net[t + 2][i] * x[t][j] for t in range(-1, T - 1))
    g["X"][:] = [F_x[t][:m] for t in range(1, T + 1)]
    return _clipped(case, g | {"x0": F_x[0], "x_1": F_x[-1]})


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
            x[t][i] = _sigmoid(net[t][i])
    return x, net


def elman_loops(case: Case) -> dict[str, Array]:
    """Compute elman's gradients, one sequence and one step after the other."""
    return _row_by_row(case, _elman_row)


def _elman_row(row: Arrays) -> dict[str, Array]:
    Wx, Wh, x, G = (row[name] for name in ("Wx", "Wh", "x", "G"))
    h = _elman_states(row)
    g = {name: np.zeros_like(row[name]) for name in ("Wx", "Wh", "b", "x")}
    dhnext = np.zeros_like(row["h0"])
    for t in reversed(range(len(x))):
        dz = (dhnext + G[t]) * ((1 + h[t]) * (1 - h[t]))
        g["b"] += dz
        g["Wx"] += np.outer(x[t], dz)
        g["Wh"] += np.outer(h[t - 1], dz)
        g["x"][t] = Wx @ dz
        dhnext = Wh @ dz
    return g | {"h0": dhnext}


def elman_truncated_loops(case: Case) -> dict[str, Array]:
    """Compute elman's truncated gradients by two loops: each loss walks back by itself."""
    assert case.truncation is not None
    return _row_by_row(case, partial(_elman_truncated_row, case.truncation.since(len(case["x"]))))


def _elman_truncated_row(since: Array, row: Arrays) -> dict[str, Array]:
    Wx, Wh, x, G = (row[name] for name in ("Wx", "Wh", "x", "G"))
    h = _elman_states(row)
    g = {name: np.zeros_like(row[name]) for name in ("Wx", "Wh", "b", "x", "h0")}
    for t in range(len(x)):
        dh = G[t]
        for s in range(t, since[t] - 1, -1):
            dz = dh * (1 - h[s] * h[s])
            g["b"] += dz
            g["Wx"] += np.outer(x[s], dz)
            g["Wh"] += np.outer(h[s - 1], dz)
            g["x"][s] += Wx @ dz
            dh = Wh @ dz
        if since[t] == 0:
            g["h0"] += dh
    return g


def _elman_states(row: Arrays) -> ByStep:
    """Return the hidden states by step, h0 at -1."""
    h = {-1: row["h0"]}
    for t in range(len(row["x"])):
        h[t] = np.tanh(row["b"] + h[t - 1] @ row["Wh"] + row["x"][t] @ row["Wx"])
    return h


def elman_relu_loops(case: Case) -> dict[str, Array]:
    """Compute elman_relu's gradients from one matrix that x, h and 1 are stacked for."""
    return _row_by_row(case, _elman_relu_row)


def _elman_relu_row(row: Arrays) -> dict[str, Array]:
    W = np.vstack([row["Wx"], row["Wh"], row["b"]])
    x, D, one = row["x"], len(row["Wx"]), np.ones_like(row["b"][:1])
    h, z, xh1 = {-1: row["h0"]}, {}, {}
    for t in range(len(x)):
        xh1[t] = np.concatenate([x[t], h[t - 1], one])
        z[t] = xh1[t] @ W
        h[t] = np.where(z[t] > 0, z[t], 0)
    dW, dx, dh = np.zeros_like(W), np.zeros_like(x), np.zeros_like(row["h0"])
    for t in reversed(range(len(x))):
        dz = dh + row["G"][t]
        dz[z[t] <= 0] = 0
        dW += np.einsum("i,j->ij", xh1[t], dz)
        dx[t], dh = np.split((W @ dz)[:-1], [D])
    return {"Wx": dW[:D], "Wh": dW[D:-1], "b": dW[-1], "h0": dh, "x": dx}


def lstm_loops(case: Case) -> dict[str, Array]:
    """Compute lstm's gradients from four matrices, one a gate, that x and h are stacked for."""
    return _row_by_row(case, _lstm_row)


def _lstm_row(row: Arrays) -> dict[str, Array]:
    W = np.concatenate([row["Wx"], row["Wh"]]).swapaxes(0, 1)
    x, b, D = row["x"], row["b"], len(row["Wx"])
    h, c = {-1: row["h0"]}, {-1: row["c0"]}
    xh: ByStep = {}
    i, f, g, o = xh.copy(), xh.copy(), xh.copy(), xh.copy()
    for t in range(len(x)):
        xh[t] = np.concatenate([x[t], h[t - 1]])
        i[t] = _sigmoid(xh[t] @ W[0] + b[0])
        f[t] = _sigmoid(xh[t] @ W[1] + b[1])
        g[t] = np.tanh(xh[t] @ W[2] + b[2])
        o[t] = _sigmoid(xh[t] @ W[3] + b[3])
        c[t] = i[t] * g[t] + f[t] * c[t - 1]
        h[t] = np.tanh(c[t]) * o[t]
    dW, db, dx = np.zeros_like(W), np.zeros_like(b), np.zeros_like(x)
    dh, dc = np.zeros_like(row["h0"]), row["G_cT"]
    for t in reversed(range(len(x))):
        dh, tanh_c = dh + row["G"][t], np.tanh(c[t])
        dc = dc + dh * o[t] * (1 - tanh_c) * (1 + tanh_c)
        di = dc * g[t] * (i[t] * (1 - i[t]))
        df = dc * c[t - 1] * (f[t] * (1 - f[t]))
        dg = dc * i[t] * ((1 - g[t]) * (1 + g[t]))
        do = dh * tanh_c * (o[t] * (1 - o[t]))
        gates = np.stack([di, df, dg, do])
        dW += np.einsum("i,gj->gij", xh[t], gates)
        db += gates
        dx[t], dh = np.split(W[0] @ di + W[1] @ df + W[2] @ dg + W[3] @ do, [D])
        dc = dc * f[t]
    dWx, dWh = np.split(dW.swapaxes(0, 1), [D])
    return {"Wx": dWx, "Wh": dWh, "b": db, "h0": dh, "c0": dc, "x": dx}


def gru_loops(case: Case) -> dict[str, Array]:
    """Compute gru's gradients gate by gate, in columns."""
    return _row_by_row(case, _gru_row)


def _gru_row(row: Arrays) -> dict[str, Array]:
    Wxr, Wxz, Wxn = (row[name] for name in ("Wxr", "Wxz", "Wxn"))
    Whr, Whz, Whn = (row[name] for name in ("Whr", "Whz", "Whn"))
    x, h = row["x"], {-1: row["h0"]}
    r: ByStep = {}
    z, q, n = r.copy(), r.copy(), r.copy()
    for t in range(len(x)):
        r[t] = _expit(row["br"] + Wxr.T @ x[t] + Whr.T @ h[t - 1])
        z[t] = _expit(row["bz"] + Wxz.T @ x[t] + Whz.T @ h[t - 1])
        q[t] = row["bhn"] + Whn.T @ h[t - 1]
        n[t] = np.tanh(r[t] * q[t] + row["bxn"] + Wxn.T @ x[t])
        h[t] = z[t] * h[t - 1] + (1 - z[t]) * n[t]
    g = {name: np.zeros_like(array) for name, array in row.items() if name not in ("G", "h0")}
    dh = np.zeros_like(row["h0"])
    for t in reversed(range(len(x))):
        dh = dh + row["G"][t]
        dz = (dh * h[t - 1] - dh * n[t]) * (z[t] * (1 - z[t]))
        dn = (dh - dh * z[t]) * ((1 - n[t]) * (1 + n[t]))
        dr = dn * q[t] * (r[t] * (1 - r[t]))
        dq = dn * r[t]
        g["x"][t] = Wxn @ dn + Wxz @ dz + Wxr @ dr
        for gate, da in {"r": dr, "z": dz, "n": dn}.items():
            g[f"Wx{gate}"] += np.outer(x[t], da)
        for gate, da in {"r": dr, "z": dz, "n": dq}.items():
            g[f"Wh{gate}"] += np.outer(h[t - 1], da)
        for bias, da in {"br": dr, "bz": dz, "bxn": dn, "bhn": dq}.items():
            g[bias] += da
        dh = Whr @ dr + Whz @ dz + Whn @ dq + z[t] * dh
    return g | {"h0": dh}


def gru_reset_before_loops(case: Case) -> dict[str, Array]:
    """Compute gru_reset_before's gradients from one matrix a gate, that x and h are stacked for."""
    return _row_by_row(case, _gru_reset_before_row)


def _gru_reset_before_row(row: Arrays) -> dict[str, Array]:
    W = {gate: np.vstack([row[f"Wx{gate}"], row[f"Wh{gate}"]]) for gate in "rzn"}
    b = {gate: row[f"b{gate}"] for gate in "rzn"}
    x, h, D = row["x"], {-1: row["h0"]}, row["x"].shape[1]
    r: ByStep = {}
    z, n, xh, xrh = r.copy(), r.copy(), r.copy(), r.copy()
    for t in range(len(x)):
        xh[t] = np.hstack([x[t], h[t - 1]])
        r[t] = _sigmoid(xh[t] @ W["r"] + b["r"])
        z[t] = _sigmoid(xh[t] @ W["z"] + b["z"])
        xrh[t] = np.hstack([x[t], r[t] * h[t - 1]])
        n[t] = np.tanh(xrh[t] @ W["n"] + b["n"])
        h[t] = z[t] * h[t - 1] + (1 - z[t]) * n[t]
    dW = {gate: np.zeros_like(matrix) for gate, matrix in W.items()}
    db = {gate: np.zeros_like(bias) for gate, bias in b.items()}
    dx, dh = np.zeros_like(x), np.zeros_like(row["h0"])
    for t in reversed(range(len(x))):
        dh = dh + row["G"][t]
        dn = dh * (1 - z[t]) * (1 - n[t] * n[t])
        dz = dh * (h[t - 1] - n[t]) * (z[t] - z[t] * z[t])
        of_x, drh = np.split(W["n"] @ dn, [D])
        dr = drh * h[t - 1] * (r[t] - r[t] * r[t])
        for gate, into, da in (("r", xh, dr), ("z", xh, dz), ("n", xrh, dn)):
            dW[gate] += np.outer(into[t], da)
            db[gate] += da
        of_x_gates, of_h_gates = np.split(W["r"] @ dr + W["z"] @ dz, [D])
        dx[t] = of_x + of_x_gates
        dh = of_h_gates + r[t] * drh + z[t] * dh
    g = {f"Wx{gate}": dW[gate][:D] for gate in W} | {f"Wh{gate}": dW[gate][D:] for gate in W}
    return g | {f"b{gate}": db[gate] for gate in b} | {"h0": dh, "x": dx}


def _row_by_row(case: Case, gradients: Callable[[Arrays], Arrays]) -> dict[str, Array]:
    """Compute a layer's gradients one sequence of the batch after the other."""
    g = _zeros(case)
    for b, row in _rows(case):
        for name, gradient in gradients(row).items():
            if name in SYSTEMS[case.system].weights:
                g[name] += gradient
            elif name == "x":
                g["x"][: len(gradient), b] = gradient
            else:
                g[name][b] = gradient
    return _clipped(case, g)


def _rows(case: Case) -> Iterator[tuple[int, Arrays]]:
    """Yield each sequence of a batch, cut at its end, with its states and all weights."""
    T, B, _ = case["x"].shape
    lengths = case["lengths"] if "lengths" in case else [T] * B
    batched = {name for name, axes in SYSTEMS[case.system].arrays.items() if "B" in axes.names}
    weights = {name: case[name] for name in SYSTEMS[case.system].weights}
    for b, length in enumerate(lengths):
        sequence = {name: case[name][:length, b] for name in ("x", "G")}
        states = {name: case[name][b] for name in batched - sequence.keys()}
        yield b, weights | states | sequence


def _zeros(case: Case) -> dict[str, Array]:
    """Return zeros for every array that has a gradient."""
    return {name: np.zeros_like(case[name]) for name in SYSTEMS[case.system].leaves}


def _clipped(case: Case, g: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients, those of the weights clipped."""
    return g | clip_gradients({name: g[name] for name in SYSTEMS[case.system].weights}, case.clip)


def _sigmoid(z: Array) -> Array:
    """σ(z) by tanh for small arguments, by exp elsewhere, where tanh loses what is small."""
    with np.errstate(over="ignore"):
        return np.where(np.abs(z) < 1, 0.5 + 0.5 * np.tanh(0.5 * z), 1 / (1 + np.exp(-z)))


def _expit(z: Array) -> Array:
    """σ(z) by its logarithm."""
    return np.asarray(np.exp(-np.logaddexp(0, -z)))


LOOPS: dict[str, Candidate] = {
    "char_rnn": char_rnn_loops,
    "binary_adder": binary_adder_loops,
    "rtrbm": rtrbm_loops,
    "rtrbm_cd": rtrbm_cd_loops,
    "werbos": werbos_loops,
    "elman": elman_loops,
    "elman_relu": elman_relu_loops,
    "lstm": lstm_loops,
    "gru": gru_loops,
    "gru_reset_before": gru_reset_before_loops,
}
"""By system."""
TRUNCATED_LOOPS: dict[str, Candidate] = {
    "char_rnn": char_rnn_truncated_loops,
    "elman": elman_truncated_loops,
}
"""By system: those that go back as far as the case's truncation says."""
