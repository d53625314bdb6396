"""Ordered network with a memory of two steps: one step in JAX, its units computed one by one.

    x_i(t)   = X_i(t)                                                        i ≤ m
    net_i(t) = Σ_{j<i} W_ij x_j(t) + Σ_j W'_ij x_j(t-1) + Σ_j W''_ij x_j(t-2)
    x_i(t)   = s(net_i(t))                                                   i > m
    loss_t   = ½ Σ_i (x_{i+N}(t) - Y_i(t))²

Werbos 1990, "Backpropagation through time: what it does and how to do it",
https://doi.org/10.1109/5.58337
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Arrays = Mapping[str, jax.Array]
Carry = tuple[jax.Array, jax.Array]


def init(_weights: Arrays, state: Arrays) -> Carry:
    """Return the carry that enters the first step: x(0) and x(-1)."""
    return state["x0"], state["x_1"]


def step(weights: Arrays, carry: Carry, x: Arrays) -> tuple[Carry, jax.Array]:
    """Read X(t) (m) and Y(t) (n), return x(t) and x(t-1) (m+k+n each) and the loss."""
    before, before_that = carry
    m, n = len(x["X"]), len(x["Y"])
    lagged = weights["W1"] @ before + weights["W2"] @ before_that
    units = jnp.concatenate([x["X"], jnp.zeros_like(lagged[m:])])

    def compute(units: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        row = jnp.where(jnp.arange(len(units)) < i, weights["W"][i], 0.0)
        return units.at[i].set(jax.nn.sigmoid(row @ units + lagged[i])), None

    units, _ = jax.lax.scan(compute, units, jnp.arange(m, len(units)))
    return (units, before), 0.5 * jnp.sum((units[-n:] - x["Y"]) ** 2)
