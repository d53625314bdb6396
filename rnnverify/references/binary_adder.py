"""Recurrent network that adds binary numbers: one step in JAX.

    l1_t = σ(x_t S0 + l1_{t-1} Sh)
    l2_t = σ(l1_t S1)
    loss_t = ½ ‖y_t - l2_t‖²

Trask 2015, "Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)",
https://iamtrask.github.io/2015/11/15/anyone-can-code-lstm/
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Arrays = Mapping[str, jax.Array]


def init(_weights: Arrays, state: Arrays) -> jax.Array:
    """Return the carry that enters the first step: l1_init (H)."""
    return state["l1_init"]


def step(weights: Arrays, l1: jax.Array, x: Arrays) -> tuple[jax.Array, jax.Array]:
    """Read one bit of each number, return the new l1 (H) and the loss of one bit of the sum."""
    l1 = jax.nn.sigmoid(x["x"] @ weights["S0"] + l1 @ weights["Sh"])
    l2 = jax.nn.sigmoid(l1 @ weights["S1"])
    return l1, 0.5 * jnp.sum((x["y"] - l2) ** 2)
