"""Simple recurrent layer: forward pass and backpropagation through time by hand.

Elman 1990, "Finding structure in time", https://doi.org/10.1207/s15516709cog1402_1

Recurrence (a batch of rows; G_t the upstream gradient of h_t)::

    z_t = x_t Wx + h_{t-1} Wh + b
    h_t = tanh(z_t)
    L   = Σ_t ⟨G_t, h_t⟩

Backwards, from the last step to the first, with dhnext = 0 after the last::

    dh_t = G_t + dhnext                         dhnext = ∂L_{t+1:end}/∂h_t
    dz_t = (1 - h_t²) ⊙ dh_t
    dhnext = dz_t Whᵀ
    dWx = Σ_t x_tᵀ dz_t   dWh = Σ_t h_{t-1}ᵀ dz_t   db = Σ_t Σ_rows dz_t
    dx_t = dz_t Wxᵀ       dh0 = dhnext after the first step

Shapes: x (T B D), Wx (D H), Wh (H H), b (H), h0 (B H), G (T B H), and lengths (B) where sequences
have lengths of their own: what comes after a sequence's end then counts for nothing.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.batches import per_step, upstream
from rnnverify.records import Array, Case

WEIGHTS = ("Wx", "Wh", "b")


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for x and h0.

    Args:
        case: A case of ``elman``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of Wx, Wh, b, h0, x, in the shapes of their arrays.
    """
    G = upstream(case)
    h = forward(case)
    raw = backward(case, h, G)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return raw | clipped | {"loss": (G * h[1:]).sum()}


def forward(case: Case) -> Array:
    """Return the hidden states (T+1 B H); entry 0 is the initial state, t+1 that after step t."""
    Wh, h0, x = case["Wh"], case["h0"], case["x"]
    h = np.empty((len(x) + 1, *h0.shape), case.dtype)
    h[0] = h0
    xWx = per_step(x, case["Wx"]) + case["b"]
    for t in range(len(x)):
        h[t + 1] = np.tanh(xWx[t] + h[t] @ Wh)
    return h


def backward(case: Case, h: Array, G: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given h (T+1 B H) and the upstream gradient G (T B H)."""
    Wx, Wh, x = case["Wx"], case["Wh"], case["x"]
    slope = 1 - h[1:] ** 2
    dz = np.empty_like(G)
    dhnext = np.zeros_like(h[0])
    for t in reversed(range(len(x))):
        dz[t] = slope[t] * (G[t] + dhnext)
        dhnext = dz[t] @ Wh.T
    rows = dz.reshape(-1, dz.shape[-1])
    return {
        "Wx": x.reshape(len(rows), -1).T @ rows,
        "Wh": h[:-1].reshape(len(rows), -1).T @ rows,
        "b": rows.sum(axis=0),
        "h0": dhnext,
        "x": per_step(dz, Wx.T),
    }
