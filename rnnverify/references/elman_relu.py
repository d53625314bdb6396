"""Simple recurrent layer with rectified units: one step in JAX.

    h_t = relu(x_t Wx + h_{t-1} Wh + b)         relu'(0) = 0
    loss_t = ⟨G_t, h_t⟩

Le, Jaitly and Hinton 2015, "A simple way to initialize recurrent networks of rectified linear
units", https://arxiv.org/abs/1504.00941
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
    h = jax.nn.relu(x["x"] @ weights["Wx"] + h @ weights["Wh"] + weights["b"])
    return h, jnp.vdot(x["G"], h)
