"""Gated recurrent unit, the reset gate acting after the recurrent product: passes by hand.

Cho et al. 2014, https://arxiv.org/abs/1406.1078, in the form of cuDNN and ``torch.nn.GRU``,
https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html

Recurrence (a batch of rows)::

    r = σ(x_t Wxr + h_{t-1} Whr + br)
    z = σ(x_t Wxz + h_{t-1} Whz + bz)
    q = h_{t-1} Whn + bhn
    n = tanh(x_t Wxn + bxn + r ⊙ q)
    h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}
    L   = Σ_t ⟨G_t, h_t⟩

Backwards, from the last step to the first, with dhnext = 0 after the last; da is the gradient of
what a gate's σ or tanh is taken of::

    dh   = G_t + dhnext
    da_n = dh ⊙ (1 - z) ⊙ (1 - n²)
    da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)
    da_r = da_n ⊙ q ⊙ r(1-r)
    dq   = da_n ⊙ r
    dhnext = dh ⊙ z + da_r Whrᵀ + da_z Whzᵀ + dq Whnᵀ
    dWx· = Σ_t x_tᵀ da_·    db· = Σ_t Σ_rows da_·    dWhr = Σ_t h_{t-1}ᵀ da_r, dWhz likewise
    dWhn = Σ_t h_{t-1}ᵀ dq  dbhn = Σ_t Σ_rows dq
    dx_t = da_r Wxrᵀ + da_z Wxzᵀ + da_n Wxnᵀ    dh0 = dhnext after the first step

Shapes: x (T B D), Wxr, Wxz, Wxn (D H), Whr, Whz, Whn (H H), br, bz, bxn, bhn (H), h0 (B H),
G (T B H), and lengths (B) where sequences have lengths of their own: what comes after a sequence's
end then counts for nothing.
"""

from typing import NamedTuple

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid
from rnnverify.models.batches import per_step, upstream
from rnnverify.records import Array, Case

WEIGHTS = ("Wxr", "Whr", "br", "Wxz", "Whz", "bz", "Wxn", "bxn", "Whn", "bhn")


class States(NamedTuple):
    """What the forward pass leaves behind.

    Attributes:
        h: The hidden states (T+1 B H); entry 0 is the initial state, t+1 that after step t.
        gates: r, z and n, the reset gates, the update gates and the new states (T B 3 H).
        q: What the reset gates act on, the recurrent products (T B H).
    """

    h: Array
    gates: Array
    q: Array


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for x and h0.

    Args:
        case: A case of ``gru``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of the weights, h0 and x, in the shapes of their arrays.
    """
    G = upstream(case)
    states = forward(case)
    raw = backward(case, states, G)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return raw | clipped | {"loss": np.asarray(np.vdot(G, states.h[1:]))}


def forward(case: Case) -> States:
    """Return the hidden states, the gates, and what goes into them."""
    x, (B, H) = case["x"], case["h0"].shape
    h, q = np.empty((len(x) + 1, B, H), case.dtype), np.empty((len(x), B, H), case.dtype)
    h[0] = case["h0"]
    Wx = np.hstack([case["Wxr"], case["Wxz"], case["Wxn"]])
    Wh = np.hstack([case["Whr"], case["Whz"], case["Whn"]])
    gates = per_step(x, Wx).reshape(-1, B, 3, H)
    gates += np.stack([case["br"], case["bz"], case["bxn"]])
    for t in range(len(x)):
        hWh = (h[t] @ Wh).reshape(B, 3, H)
        gates[t, :, :2] = sigmoid(gates[t, :, :2] + hWh[:, :2])
        r, z, n = gates[t].swapaxes(0, 1)
        q[t] = hWh[:, 2] + case["bhn"]
        n[:] = np.tanh(n + r * q[t])
        h[t + 1] = (1 - z) * n + z * h[t]
    return States(h, gates, q)


def backward(case: Case, states: States, G: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given the states and the upstream gradient G (T B H).

    Step by step, da and dq take the places of the gates and of q, for which nobody asks again: at
    large sizes, new memory costs as much as arithmetic does.
    """
    h, gates, q = states
    x, (T, B, H) = case["x"], G.shape
    Wx = np.hstack([case["Wxr"], case["Wxz"], case["Wxn"]])
    Wh = np.hstack([case["Whr"], case["Whz"], case["Whn"]])
    da, dq = gates, q
    dhnext = np.zeros_like(h[0])
    for t in reversed(range(T)):
        r, z, n = gates[t].swapaxes(0, 1)
        dh = G[t] + dhnext
        da_n = dh * (1 - z) * (1 - n**2)
        da_z = dh * (h[t] - n) * z * (1 - z)
        da_r = da_n * q[t] * r * (1 - r)
        dq[t] = da_n * r
        # BLAS likes few columns better than few rows.
        dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T
        da[t, :, 0], da[t, :, 1], da[t, :, 2] = da_r, da_z, da_n
    of_x, of_h = x.reshape(T * B, -1), h[:-1].reshape(T * B, H)
    rows, q_rows = da.reshape(T * B, 3 * H), dq.reshape(T * B, H)
    dWxr, dWxz, dWxn = np.split(rows.T @ of_x, 3)
    dWhr, dWhz = np.split(rows[:, : 2 * H].T @ of_h, 2)
    dbr, dbz, dbxn = np.split(rows.sum(axis=0), 3)
    return {
        "Wxr": dWxr.T,
        "Whr": dWhr.T,
        "br": dbr,
        "Wxz": dWxz.T,
        "Whz": dWhz.T,
        "bz": dbz,
        "Wxn": dWxn.T,
        "bxn": dbxn,
        "Whn": of_h.T @ q_rows,
        "bhn": q_rows.sum(axis=0),
        "h0": dhnext,
        "x": per_step(da.reshape(T, B, 3 * H), Wx.T),
    }
