"""Recurrent temporal restricted Boltzmann machine, log Z by enumeration: one step in JAX.

    c_1 = b_init;  c_t = b_h + U r_{t-1}
    r_t = σ(W v_t + c_t)
    loss_t = log P(v_t | r_{t-1}) = v_t·b_v + Σ_j softplus(W v_t + c_t)_j - log Z(c_t)
    log Z(c) = log Σ_{h∈{0,1}^H} exp(h·c) Π_i (1 + exp(b_v + Wᵀh)_i)

Sutskever 2013, "Training recurrent neural networks", section 3,
https://www.cs.utoronto.ca/~ilya/pubs/ilya_sutskever_phd_thesis.pdf
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Arrays = Mapping[str, jax.Array]


def init(weights: Arrays, _state: Arrays) -> jax.Array:
    """Return the carry that enters the first step; there is no r_0, and nothing reads it."""
    return jnp.zeros_like(weights["b_h"])


def step(weights: Arrays, r: jax.Array, x: Arrays) -> tuple[jax.Array, jax.Array]:
    """Read one frame (V), return the new r (H) and the log-probability of the frame."""
    c = biases(weights, r, x)
    z = weights["W"] @ x["v"] + c
    log_p = x["v"] @ weights["b_v"] + jnp.sum(jax.nn.softplus(z)) - log_partition(weights, c)
    return jax.nn.sigmoid(z), log_p


def biases(weights: Arrays, r: jax.Array, x: Arrays) -> jax.Array:
    """Return the hidden units' biases c_t (H), given r_{t-1}."""
    return jnp.where(x["t"] == 0, weights["b_init"], weights["b_h"] + weights["U"] @ r)


def log_partition(weights: Arrays, c: jax.Array) -> jax.Array:
    """Return log Z(c): a sum over all states of the hidden units."""
    n = len(c)
    h = jnp.asarray((jnp.arange(2**n)[:, None] >> jnp.arange(n)) & 1, c.dtype)
    visible = jnp.sum(jax.nn.softplus(h @ weights["W"] + weights["b_v"]), axis=1)
    return jax.nn.logsumexp(h @ c + visible)
