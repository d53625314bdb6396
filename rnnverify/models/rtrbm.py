"""Recurrent temporal restricted Boltzmann machine: the exact gradient by hand.

Sutskever 2013, "Training recurrent neural networks", section 3,
https://www.cs.utoronto.ca/~ilya/pubs/ilya_sutskever_phd_thesis.pdf; Sutskever, Hinton and Taylor
2008, "The recurrent temporal restricted Boltzmann machine". U is the thesis's W'.

Recurrence (columns)::

    c_1 = b_init;  c_t = b_h + U r_{t-1}
    r_t = σ(W v_t + c_t)
    log P(v_t | r_{t-1}) = v_t·b_v + Σ_j softplus(W v_t + c_t)_j - log Z(c_t)
    log Z(c) = log Σ_{h∈{0,1}^H} exp(h·c) Π_i (1 + exp(b_v + Wᵀh)_i)
    L = Σ_t w_t log P(v_t | r_{t-1})

The gradient is that of L, a log-likelihood: an optimiser ascends it. Backwards, from the last step
to the first, with D_t = ∂L/∂r_t, which is 0 after the last, and E_t the expectation under
P(v, h | r_{t-1}), here by enumeration of all h::

    a_t  = r_t ⊙ (1 - r_t) ⊙ D_t
    g_t  = w_t (r_t - E_t[h]) + a_t
    dW   = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ
    db_v = Σ_t w_t (v_t - E_t[v])
    t > 1:  db_h = Σ_t g_t;  dU = Σ_t g_t r_{t-1}ᵀ;  D_{t-1} = Uᵀ g_t
    t = 1:  db_init = g_1

Shapes: W (H V), U (H H), b_v (V), b_h and b_init (H), v (T V) of zeros and ones, loss_weights (T).
The thesis's eq. 3.25 reads differently; see ``rnnverify.examples.rtrbm``.
"""

from functools import cache
from typing import Any

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid, softplus
from rnnverify.records import Array, Case

WEIGHTS = ("W", "U", "b_v", "b_h", "b_init")


def gradients(case: Case) -> dict[str, Array]:
    """Return the log-likelihood and its gradient for every weight, clipped.

    Args:
        case: A case of ``rtrbm``; shapes as in the module's docstring. H is at most 10, since
            2^H states are enumerated.

    Returns:
        ``"loss"`` and the gradients of W, U, b_v, b_h, b_init, in the shapes of their arrays.
    """
    c, r = forward(case)
    model = expectations(case, c)
    raw = backward(case, r, model)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return clipped | {"loss": loss(case, c, model["log_Z"])}


def forward(case: Case) -> tuple[Array, Array]:
    """Return the hidden units' biases c and their means r (T H)."""
    Wv, U, b_h = case["v"] @ case["W"].T, case["U"], case["b_h"]
    c, r = np.empty_like(Wv), np.empty_like(Wv)
    for t in range(len(Wv)):
        c[t] = b_h + U.dot(r[t - 1]) if t else case["b_init"]  # sooner done than by @
        r[t] = sigmoid(Wv[t] + c[t])
    return c, r


@cache
def states_of(H: int, dtype: np.dtype[Any]) -> Array:
    """Return all states of H hidden units (2^H H), made once and not to be written to."""
    h = (np.arange(2**H)[:, None] >> np.arange(H) & 1).astype(dtype)
    h.flags.writeable = False
    return h


def expectations(case: Case, c: Array) -> dict[str, Array]:
    """Return log Z (T), E[h] (T H), E[v] (T V) and Σ_t w_t E_t[h vᵀ] (H V), given c (T H)."""
    W, w, H = case["W"], case["loss_weights"], c.shape[1]
    h = states_of(H, case.dtype)
    z = h @ W + case["b_v"]
    energy = c @ h.T + softplus(z).sum(axis=1)
    largest = energy.max(axis=1, keepdims=True)
    p = np.exp(energy - largest)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    v = sigmoid(z)
    return {
        "log_Z": (largest + np.log(total))[:, 0],
        "h": p @ h,
        "v": p @ v,
        "w hv": (h * (w @ p)[:, None]).T @ v,
    }


def backward(case: Case, r: Array, model: dict[str, Array]) -> dict[str, Array]:
    """Return the unclipped gradients, given r (T H) and the model's expectations."""
    v, w = case["v"], case["loss_weights"][:, None]
    a, g = adjoints(case["U"], r, w * (r - model["h"]))
    return {
        "W": (w * r + a).T @ v - model["w hv"],
        "U": g[1:].T @ r[:-1],
        "b_v": (w * (v - model["v"])).sum(axis=0),
        "b_h": g[1:].sum(axis=0),
        "b_init": g[0],
    }


def adjoints(U: Array, r: Array, own: Array) -> tuple[Array, Array]:
    """Return a and g (T H), given r and each step's own w_t (r_t - E_t[h]) (T H)."""
    slope = r * (1 - r)
    a, g = np.empty_like(r), np.empty_like(r)
    D = np.zeros_like(r[0])
    for t in reversed(range(len(r))):
        a[t] = slope[t] * D
        g[t] = own[t] + a[t]
        D = U.T @ g[t]
    return a, g


def loss(case: Case, c: Array, log_Z: Array) -> Array:
    """Return the log-likelihood L, given c (T H) and log Z (T)."""
    v = case["v"]
    log_p = v @ case["b_v"] + softplus(v @ case["W"].T + c).sum(axis=1) - log_Z
    return np.asarray(case["loss_weights"] @ log_p)
