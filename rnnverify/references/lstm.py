"""Long short-term memory: one step in JAX.

    i, f, g, o = x_t Wx + h_{t-1} Wh + b
    c_t = σ(f) ⊙ c_{t-1} + σ(i) ⊙ tanh(g)
    h_t = σ(o) ⊙ tanh(c_t)
    loss_t = ⟨G_t, h_t⟩, and ⟨G_cT, c_T⟩ for the last step

Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; with forget gates:
Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Arrays = Mapping[str, jax.Array]
Carry = tuple[jax.Array, jax.Array]


def init(_weights: Arrays, state: Arrays) -> Carry:
    """Return the carry that enters the first step: h0 and c0 (B H)."""
    return state["h0"], state["c0"]


def step(weights: Arrays, carry: Carry, x: Arrays) -> tuple[Carry, jax.Array]:
    """Read one input a sequence (B D), return the new h and c (B H), and ⟨G_t, h_t⟩."""
    h, c = carry
    z = jnp.einsum("bd,dgh->gbh", x["x"], weights["Wx"])
    z += jnp.einsum("bk,kgh->gbh", h, weights["Wh"])
    i, f, g, o = z + weights["b"][:, None]
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), jnp.vdot(x["G"], h)


def final(carry: Carry, inputs: Arrays) -> jax.Array:
    """Return the product of the last cell state with its cotangent."""
    _, c = carry
    return jnp.vdot(inputs["G_cT"], c)
