"""Character-level recurrent network: one step in JAX.

    h_t = tanh(Wxh x_t + Whh h_{t-1} + bh)
    loss_t = -log softmax(Why h_t + by)[target_t]

Karpathy, min-char-rnn, https://gist.github.com/karpathy/d4dee566867f8291f086
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Arrays = Mapping[str, jax.Array]


def init(_weights: Arrays, state: Arrays) -> jax.Array:
    """Return the carry that enters the first step: h0 (H)."""
    return state["h0"]


def step(weights: Arrays, h: jax.Array, x: Arrays) -> tuple[jax.Array, jax.Array]:
    """Read one token, return the new h (H) and the loss of predicting the next."""
    h = jnp.tanh(weights["Wxh"][:, x["inputs"]] + weights["Whh"] @ h + weights["bh"])
    y = weights["Why"] @ h + weights["by"]
    return h, -jax.nn.log_softmax(y)[x["targets"]]
