"""Gated recurrent unit, the reset gate acting before the recurrent product.

Cho et al. 2014, https://arxiv.org/abs/1406.1078v3

Recurrence (a batch of rows)::

    r = σ(x_t Wxr + h_{t-1} Whr + br)
    z = σ(x_t Wxz + h_{t-1} Whz + bz)
    n = tanh(x_t Wxn + (r ⊙ h_{t-1}) Whn + bn)
    h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}
    L   = Σ_t ⟨G_t, h_t⟩

Backwards, from the last step to the first, with dhnext = 0 after the last; da is the gradient of
what a gate's σ or tanh is taken of::

    dh   = G_t + dhnext
    da_n = dh ⊙ (1 - z) ⊙ (1 - n²)
    da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)
    drh  = da_n Whnᵀ
    da_r = drh ⊙ h_{t-1} ⊙ r(1-r)
    dhnext = dh ⊙ z + drh ⊙ r + da_r Whrᵀ + da_z Whzᵀ
    dWx· = Σ_t x_tᵀ da_·    db· = Σ_t Σ_rows da_·    dWhr = Σ_t h_{t-1}ᵀ da_r, dWhz likewise
    dWhn = Σ_t (r ⊙ h_{t-1})ᵀ da_n
    dx_t = da_r Wxrᵀ + da_z Wxzᵀ + da_n Wxnᵀ    dh0 = dhnext after the first step

Shapes: x (T B D), Wxr, Wxz, Wxn (D H), Whr, Whz, Whn (H H), br, bz, bn (H), h0 (B H),
G (T B H), and lengths (B) where sequences have lengths of their own: what comes after a sequence's
end then counts for nothing.
"""

from typing import NamedTuple

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid
from rnnverify.models.batches import per_step, upstream
from rnnverify.records import Array, Case

WEIGHTS = ("Wxr", "Whr", "br", "Wxz", "Whz", "bz", "Wxn", "Whn", "bn")


class States(NamedTuple):
    """What the forward pass leaves behind.

    Attributes:
        h: The hidden states (T+1 B H); entry 0 is the initial state, t+1 that after step t.
        r: The reset gates (T B H).
        z: The update gates (T B H).
        n: The new states (T B H).
    """

    h: Array
    r: Array
    z: Array
    n: Array


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for x and h0.

    Args:
        case: A case of ``gru_reset_before``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of the weights, h0 and x, in the shapes of their arrays.
    """
    G = upstream(case)
    states = forward(case)
    raw = backward(case, states, G)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return raw | clipped | {"loss": (G * states.h[1:]).sum()}


def forward(case: Case) -> States:
    """Return the hidden states and the gates."""
    x, h0, H = case["x"], case["h0"], case["h0"].shape[1]
    h = np.empty((len(x) + 1, *h0.shape), case.dtype)
    r, z, n = np.empty((3, len(x), *h0.shape), case.dtype)
    h[0] = h0
    Wx = np.hstack([case["Wxr"], case["Wxz"], case["Wxn"]])
    Wh, Whn = np.hstack([case["Whr"], case["Whz"]]), case["Whn"]
    a = per_step(x, Wx) + np.hstack([case["br"], case["bz"], case["bn"]])
    for t in range(len(x)):
        rz = sigmoid(a[t, :, : 2 * H] + h[t] @ Wh)
        r[t], z[t] = rz[:, :H], rz[:, H:]
        n[t] = np.tanh(a[t, :, 2 * H :] + (r[t] * h[t]) @ Whn)
        h[t + 1] = (1 - z[t]) * n[t] + z[t] * h[t]
    return States(h, r, z, n)


def backward(case: Case, states: States, G: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given the states and the upstream gradient G (T B H)."""
    h, r, z, n = states
    x, (T, B, H) = case["x"], G.shape
    Wx = np.hstack([case["Wxr"], case["Wxz"], case["Wxn"]])
    Wh, Whn = np.hstack([case["Whr"], case["Whz"]]), case["Whn"]
    slope_n, slope_z = (1 - z) * (1 - n**2), (h[:-1] - n) * z * (1 - z)
    slope_r = h[:-1] * r * (1 - r)
    da = np.empty((T, B, 3 * H), case.dtype)
    dhnext = np.zeros_like(h[0])
    for t in reversed(range(T)):
        dh = G[t] + dhnext
        da_n = dh * slope_n[t]
        drh = da_n @ Whn.T
        da[t] = np.hstack([drh * slope_r[t], dh * slope_z[t], da_n])
        dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ Wh.T
    of_x, of_h, of_rh = (each.reshape(T * B, -1) for each in (x, h[:-1], r * h[:-1]))
    rows = da.reshape(T * B, 3 * H)
    dWxr, dWxz, dWxn = np.split(rows.T @ of_x, 3)
    dWhr, dWhz = np.split(rows[:, : 2 * H].T @ of_h, 2)
    dbr, dbz, dbn = np.split(rows.sum(axis=0), 3)
    return {
        "Wxr": dWxr.T,
        "Whr": dWhr.T,
        "br": dbr,
        "Wxz": dWxz.T,
        "Whz": dWhz.T,
        "bz": dbz,
        "Wxn": dWxn.T,
        "Whn": of_rh.T @ rows[:, 2 * H :],
        "bn": dbn,
        "h0": dhnext,
        "x": per_step(da, Wx.T),
    }
