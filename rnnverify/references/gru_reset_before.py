"""Gated recurrent unit, the reset gate acting before the recurrent product.

    r = σ(x_t Wxr + h_{t-1} Whr + br)
    z = σ(x_t Wxz + h_{t-1} Whz + bz)
    n = tanh(x_t Wxn + (r ⊙ h_{t-1}) Whn + bn)
    h_t = (1 - z) ⊙ n + z ⊙ h_{t-1}
    loss_t = ⟨G_t, h_t⟩

Cho et al. 2014, https://arxiv.org/abs/1406.1078v3
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Arrays = Mapping[str, jax.Array]


def init(_weights: Arrays, state: Arrays) -> jax.Array:
    """Return the carry that enters the first step: h0 (B H)."""
    return state["h0"]


def step(weights: Arrays, h: jax.Array, x: Arrays) -> tuple[jax.Array, jax.Array]:
    """Read one input a sequence (B D), return the new h (B H) and its product with G_t."""
    w, x_t = weights, x["x"]
    r = jax.nn.sigmoid(x_t @ w["Wxr"] + h @ w["Whr"] + w["br"])
    z = _either_way(x_t @ w["Wxz"] + h @ w["Whz"] + w["bz"])
    n = jnp.tanh(x_t @ w["Wxn"] + (r * h) @ w["Whn"] + w["bn"])
    h = (1 - z) * n + z * h
    return h, jnp.vdot(x["G"], h)


def _either_way(a: jax.Array) -> jax.Array:
    """Return σ(a), as the mean of σ(a) and 1 - σ(-a).

    Half of the world has 1 - z where the other half has z, with weights negated. Each loses digits
    that the other keeps, and tolerances are to cover both.
    """
    return (jax.nn.sigmoid(a) + (1 - jax.nn.sigmoid(-a))) / 2
