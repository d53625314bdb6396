"""Contrastive divergence in the RTRBM, its samples being given: one step in JAX.

    c_1 = b_init;  c_t = b_h + U r_{t-1}
    r_t = σ(W v_t + c_t)
    F(v; c) = -v·b_v - Σ_j softplus(W v + c)_j
    loss_t = F(ṽ_t; c_t) - F(v_t; c_t)

ṽ_t is where k steps of Gibbs sampling from v_t have come to; it counts as a constant. Besides, its
expectation over all chains, exact by enumeration of the visible states.

Hinton 2002, "Training products of experts by minimizing contrastive divergence",
https://doi.org/10.1162/089976602760128018; Sutskever 2013, "Training recurrent neural networks",
section 3, https://www.cs.utoronto.ca/~ilya/pubs/ilya_sutskever_phd_thesis.pdf
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from rnnverify.references.rtrbm import biases, init

Arrays = Mapping[str, jax.Array]

__all__ = ["expected_gradient", "init", "step"]


def step(weights: Arrays, r: jax.Array, x: Arrays) -> tuple[jax.Array, jax.Array]:
    """Read one frame and its sample (V), return the new r (H), and by how much their F differ."""
    c = biases(weights, r, x)
    loss = free_energy(weights, c, x["negatives"]) - free_energy(weights, c, x["v"])
    return jax.nn.sigmoid(weights["W"] @ x["v"] + c), loss


def free_energy(weights: Arrays, c: jax.Array, v: jax.Array) -> jax.Array:
    """Return F(v; c), such that P(v | r_{t-1}) is proportional to exp(-F)."""
    return -v @ weights["b_v"] - jnp.sum(jax.nn.softplus(weights["W"] @ v + c))


def expected_gradient(case: Mapping[str, Any], k: int) -> dict[str, jax.Array]:
    """Return the expectation of the CD-k gradient of every weight, over all Gibbs chains.

    The distribution of ṽ_t is row v_t of the k-th power of the chain's transition matrix
    (2^V 2^V), T(v'|v) = Σ_h P(h|v) P(v'|h). The gradient given ṽ_t is an expectation of one term
    a step, so the gradient of the expected loss, the distribution being held, is what it is.

    Args:
        case: The arrays of ``rtrbm``, with V and H not above 10 or so; call it in
            ``jax.enable_x64()``.
        k: Gibbs steps, from 1.
    """
    weights = {name: jnp.asarray(case[name]) for name in ("W", "U", "b_v", "b_h", "b_init")}
    v, w = jnp.asarray(case["v"]), jnp.asarray(case["loss_weights"])
    visible, hidden = _states(v.shape[1], v.dtype), _states(len(weights["b_h"]), v.dtype)

    def loss(weights: Arrays) -> jax.Array:
        def body(r: jax.Array, x: Arrays) -> tuple[jax.Array, jax.Array]:
            c = biases(weights, r, x)
            transition = _bernoulli(visible @ weights["W"].T + c, hidden) @ _bernoulli(
                hidden @ weights["W"] + weights["b_v"], visible
            )
            start = jnp.all(visible == x["v"], axis=1).astype(v.dtype)
            reached = start @ jnp.linalg.matrix_power(transition, k)
            energies = jax.vmap(lambda u: free_energy(weights, c, u))(visible)
            expected = jax.lax.stop_gradient(reached) @ energies
            new = jax.nn.sigmoid(weights["W"] @ x["v"] + c)
            return new, x["w"] * (expected - free_energy(weights, c, x["v"]))

        steps = {"v": v, "w": w, "t": jnp.arange(len(v))}
        _, losses = jax.lax.scan(body, init(weights, {}), steps)
        return jnp.sum(losses)

    gradient: dict[str, jax.Array] = jax.grad(loss)(weights)
    return gradient


def _states(n: int, dtype: Any) -> jax.Array:
    """Return all states of n binary units (2^n n)."""
    return jnp.asarray((jnp.arange(2**n)[:, None] >> jnp.arange(n)) & 1, dtype)


def _bernoulli(logits: jax.Array, states: jax.Array) -> jax.Array:
    """Return the probability of each state (rows: logits, columns: states)."""
    return jnp.exp(-jax.nn.softplus(-logits) @ states.T - jax.nn.softplus(logits) @ (1 - states.T))
