"""The layers, one sequence of a batch after the other, and step by step."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from rnnverify.builtin import SYSTEMS
from rnnverify.records import Array, Case
from tests.loops.common import Arrays, ByStep, clipped, expit, sigmoid, zeros


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
        i[t] = sigmoid(xh[t] @ W[0] + b[0])
        f[t] = sigmoid(xh[t] @ W[1] + b[1])
        g[t] = np.tanh(xh[t] @ W[2] + b[2])
        o[t] = sigmoid(xh[t] @ W[3] + b[3])
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
        r[t] = expit(row["br"] + Wxr.T @ x[t] + Whr.T @ h[t - 1])
        z[t] = expit(row["bz"] + Wxz.T @ x[t] + Whz.T @ h[t - 1])
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
        r[t] = sigmoid(xh[t] @ W["r"] + b["r"])
        z[t] = sigmoid(xh[t] @ W["z"] + b["z"])
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
    g = zeros(case)
    for b, row in _rows(case):
        for name, gradient in gradients(row).items():
            if name in SYSTEMS[case.system].weights:
                g[name] += gradient
            elif name == "x":
                g["x"][: len(gradient), b] = gradient
            else:
                g[name][b] = gradient
    return clipped(case, g)


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
