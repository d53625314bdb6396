"""h = (1-z) h + z n: the update gate says how much is new; weights in a dict by gate."""

import numpy as np

from rnnverify.records import Array


def sigmoid(x: Array) -> Array:
    """Return σ(x)."""
    return 1 / (1 + np.exp(-x))


def gru(p: dict[str, Array], x: Array, h0: Array, dh: Array) -> dict[str, Array]:
    """Return the gradients of all parameters, of x and of h0, given that of the states."""
    hs, tape = [h0], []
    for x_t in x:
        h = hs[-1]
        z = sigmoid(x_t @ p["Wz"] + h @ p["Uz"] + p["bz"])
        r = sigmoid(x_t @ p["Wr"] + h @ p["Ur"] + p["br"])
        u = h @ p["Uh"] + p["ch"]
        n = np.tanh(x_t @ p["Wh"] + p["bh"] + r * u)
        hs.append((1 - z) * h + z * n)
        tape.append((x_t, h, z, r, u, n))
    d = {name: np.zeros_like(value) for name, value in p.items()}
    dx, dnext = np.zeros_like(x), np.zeros_like(h0)
    for t in range(len(x))[::-1]:
        x_t, h, z, r, u, n = tape[t]
        dout = dh[t] + dnext
        dn = dout * z * (1 - n * n)
        dz = dout * (n - h) * z * (1 - z)
        dr = dn * u * r * (1 - r)
        du = dn * r
        dnext = dout * (1 - z) + dz @ p["Uz"].T + dr @ p["Ur"].T + du @ p["Uh"].T
        dx[t] = dz @ p["Wz"].T + dr @ p["Wr"].T + dn @ p["Wh"].T
        for gate, da in {"z": dz, "r": dr, "h": dn}.items():
            d[f"W{gate}"] += x_t.T @ da
            d[f"b{gate}"] += da.sum(axis=0)
            d[f"U{gate}"] += h.T @ (du if gate == "h" else da)
        d["ch"] += du.sum(axis=0)
    return {**d, "x": dx, "h0": dnext}
