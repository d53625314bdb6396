"""Simple recurrent layer: one step in JAX.

    h_t = tanh(x_t Wx + h_{t-1} Wh + b)
    loss_t = ⟨G_t, h_t⟩

Elman 1990, "Finding structure in time", https://doi.org/10.1207/s15516709cog1402_1
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
    h = jnp.tanh(x["x"] @ weights["Wx"] + h @ weights["Wh"] + weights["b"])
    return h, jnp.vdot(x["G"], h)
