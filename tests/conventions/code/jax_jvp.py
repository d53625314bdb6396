"""JAX layers whose activation has a rule of its own: custom_jvp, in terms of its value."""

from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_jvp
def sigmoid(z: Any) -> Any:
    """Return σ(z)."""
    return 1 / (1 + jnp.exp(-z))


@sigmoid.defjvp
def _(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    (z,), (dz,) = primals, tangents
    s = sigmoid(z)
    return s, s * (1 - s) * dz


def loss(p: dict[str, Any]) -> Any:
    """Return Σ_t ⟨G_t, h_t⟩ of a gated recurrent unit."""
    h, total = p["h0"], jnp.zeros(())
    for x, G in zip(p["x"], p["G"], strict=True):
        r = sigmoid(x @ p["Wxr"] + h @ p["Whr"] + p["br"])
        z = sigmoid(x @ p["Wxz"] + h @ p["Whz"] + p["bz"])
        n = jnp.tanh(x @ p["Wxn"] + p["bxn"] + r * (h @ p["Whn"] + p["bhn"]))
        h = (1 - z) * n + z * h
        total += jnp.vdot(G, h)
    return total
