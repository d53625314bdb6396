"""Contrastive divergence (CD-k) in the RTRBM: the estimator by hand.

Hinton 2002, "Training products of experts by minimizing contrastive divergence",
https://doi.org/10.1162/089976602760128018; Sutskever 2013, "Training recurrent neural networks",
section 3, https://www.cs.utoronto.ca/~ilya/pubs/ilya_sutskever_phd_thesis.pdf

In the exact gradient of ``rtrbm``, the expectations E_t under the model are replaced by one sample:
k steps of Gibbs sampling that start at v_t lead to ṽ_t, and ``h̃_t = σ(W ṽ_t + c_t)``. With the
samples held, that is the gradient of a difference of free energies::

    F(v; c) = -v·b_v - Σ_j softplus(W v + c)_j
    L = Σ_t w_t (F(ṽ_t; c_t) - F(v_t; c_t))

Backwards, from the last step to the first, with D_t = ∂L/∂r_t, which is 0 after the last::

    a_t  = r_t ⊙ (1 - r_t) ⊙ D_t
    g_t  = w_t (r_t - h̃_t) + a_t
    dW   = Σ_t w_t (r_t v_tᵀ - h̃_t ṽ_tᵀ) + a_t v_tᵀ
    db_v = Σ_t w_t (v_t - ṽ_t)
    t > 1:  db_h = Σ_t g_t;  dU = Σ_t g_t r_{t-1}ᵀ;  D_{t-1} = Uᵀ g_t
    t = 1:  db_init = g_1

Shapes: W (H V), U (H H), b_v (V), b_h and b_init (H), v and negatives ṽ (T V) of zeros and ones,
loss_weights (T).
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid, softplus
from rnnverify.models.rtrbm import adjoints, forward
from rnnverify.records import Array, Case

WEIGHTS = ("W", "U", "b_v", "b_h", "b_init")


def estimate(case: Case, k: int, random: np.random.Generator) -> dict[str, Array]:
    """Return one CD-k estimate of the gradient of every weight, unclipped.

    Args:
        case: A case of ``rtrbm``.
        k: Gibbs steps, from 1.
        random: Where the chains' randomness comes from.
    """
    c, r = forward(case)
    return backward(case, c, r, sample(case, c, k, random))


def sample(case: Case, c: Array, k: int, random: np.random.Generator) -> Array:
    """Return where k Gibbs steps from v (T V) have come to, given the hidden biases c (T H)."""
    W, v = case["W"], case["v"]
    for _ in range(k):
        h = random.random(c.shape) < sigmoid(v @ W.T + c)
        v = (random.random(v.shape) < sigmoid(h @ W + case["b_v"])).astype(v.dtype)
    return v


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, the samples being given.

    Args:
        case: A case of ``rtrbm_cd``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of W, U, b_v, b_h, b_init, in the shapes of their arrays.
    """
    c, r = forward(case)
    raw = backward(case, c, r, case["negatives"])
    difference = free_energy(case, c, case["negatives"]) - free_energy(case, c, case["v"])
    return clip_gradients(raw, case.clip) | {"loss": case["loss_weights"] @ difference}


def backward(case: Case, c: Array, r: Array, negatives: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given c and r (T H) and the samples (T V)."""
    v, w = case["v"], case["loss_weights"][:, None]
    h = sigmoid(negatives @ case["W"].T + c)
    a, g = adjoints(case["U"], r, w * (r - h))
    return {
        "W": (w * r + a).T @ v - (w * h).T @ negatives,
        "U": g[1:].T @ r[:-1],
        "b_v": (w * (v - negatives)).sum(axis=0),
        "b_h": g[1:].sum(axis=0),
        "b_init": g[0],
    }


def free_energy(case: Case, c: Array, v: Array) -> Array:
    """Return F(v_t; c_t) for all steps (T)."""
    return np.asarray(-v @ case["b_v"] - softplus(v @ case["W"].T + c).sum(axis=1))
