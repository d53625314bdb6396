"""Long short-term memory: forward pass and backpropagation through time by hand.

Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; with forget gates:
Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015

Recurrence (a batch of rows; the gates in the order of ``torch.nn.LSTM``)::

    i, f, g, o = σ, σ, tanh, σ of (x_t Wx + h_{t-1} Wh + b)
    c_t = f ⊙ c_{t-1} + i ⊙ g
    h_t = o ⊙ tanh(c_t)
    L   = Σ_t ⟨G_t, h_t⟩ + ⟨G_cT, c_T⟩

Backwards, from the last step to the first, with dhnext = 0 and dcnext = G_cT after the last::

    dh = G_t + dhnext
    do = dh ⊙ tanh(c_t)                         dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))
    di = dc ⊙ g     df = dc ⊙ c_{t-1}     dg = dc ⊙ i
    dz_t = (di ⊙ i(1-i), df ⊙ f(1-f), dg ⊙ (1-g²), do ⊙ o(1-o))
    dhnext = dz_t Whᵀ                           dcnext = dc ⊙ f
    dWx = Σ_t x_tᵀ dz_t   dWh = Σ_t h_{t-1}ᵀ dz_t   db = Σ_t Σ_rows dz_t
    dx_t = dz_t Wxᵀ       dh0 = dhnext, dc0 = dcnext after the first step

Shapes: x (T B D), Wx (D 4 H), Wh (H 4 H), b (4 H), h0 and c0 (B H), G (T B H), G_cT (B H), and
lengths (B) where sequences have lengths of their own: what comes after a sequence's end then
counts for nothing, and c_T is the cell at its end.
"""

from typing import NamedTuple

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid
from rnnverify.models.batches import at_the_end, per_step, upstream
from rnnverify.records import Array, Case

WEIGHTS = ("Wx", "Wh", "b")


class States(NamedTuple):
    """What the forward pass leaves behind.

    Attributes:
        h: The hidden states (T+1 B H); entry 0 is the initial state, t+1 that after step t.
        c: The cells, likewise.
        gates: i, f, g and o (T B 4 H).
    """

    h: Array
    c: Array
    gates: Array


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for x, h0 and c0.

    Args:
        case: A case of ``lstm``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of Wx, Wh, b, h0, c0, x, in the shapes of their arrays.
    """
    G, G_c = upstream(case), at_the_end(case, case["G_cT"])
    states = forward(case)
    raw = backward(case, states, G, G_c)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    loss = np.asarray(np.vdot(G, states.h[1:]) + np.vdot(G_c, states.c[1:]))
    return raw | clipped | {"loss": loss}


def forward(case: Case) -> States:
    """Return the hidden states, the cells and the gates."""
    x, (B, H) = case["x"], case["h0"].shape
    Wh = case["Wh"].reshape(H, 4 * H)
    h, c = np.empty((2, len(x) + 1, B, H), case.dtype)
    h[0], c[0] = case["h0"], case["c0"]
    gates = per_step(x, case["Wx"].reshape(-1, 4 * H)).reshape(-1, B, 4, H)
    gates += case["b"]
    for t in range(len(x)):
        z = gates[t] + (h[t] @ Wh).reshape(B, 4, H)
        gates[t] = sigmoid(z)
        gates[t, :, 2] = np.tanh(z[:, 2])
        i, f, g, o = gates[t].swapaxes(0, 1)
        c[t + 1] = f * c[t] + i * g
        h[t + 1] = o * np.tanh(c[t + 1])
    return States(h, c, gates)


def backward(case: Case, states: States, G: Array, G_c: Array) -> dict[str, Array]:
    """Return the unclipped gradients.

    Step by step, dz takes the place of the gates, for which nobody asks again: at large sizes, new
    memory costs as much as arithmetic does.

    Args:
        case: The case.
        states: From ``forward``.
        G: The upstream gradient of h (T B H).
        G_c: That of c (T B H): G_cT where a sequence ends, else 0.
    """
    h, c, gates = states
    x, (T, B, H) = case["x"], G.shape
    Wx, Wh = (case[name].reshape(-1, 4 * H) for name in ("Wx", "Wh"))
    dz = gates
    dhnext, dcnext = np.zeros((2, B, H), case.dtype)
    for t in reversed(range(T)):
        i, f, g, o = gates[t].swapaxes(0, 1)
        tanh_c = np.tanh(c[t + 1])
        dh = G[t] + dhnext
        dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)
        di = dc * g * i * (1 - i)
        df = dc * c[t] * f * (1 - f)
        dg = dc * i * (1 - g**2)
        do = dh * tanh_c * o * (1 - o)
        dcnext = dc * f
        dz[t, :, 0], dz[t, :, 1], dz[t, :, 2], dz[t, :, 3] = di, df, dg, do
        # BLAS likes few columns better than few rows.
        dhnext = (Wh @ dz[t].reshape(B, -1).T).T
    rows = dz.reshape(T * B, 4 * H)
    return {
        "Wx": (x.reshape(T * B, -1).T @ rows).reshape(-1, 4, H),
        "Wh": (h[:-1].reshape(T * B, H).T @ rows).reshape(H, 4, H),
        "b": rows.sum(axis=0).reshape(4, H),
        "h0": dhnext,
        "c0": dcnext,
        "x": per_step(dz.reshape(T, B, 4 * H), Wx.T),
    }
