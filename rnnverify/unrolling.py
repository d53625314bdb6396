"""Unrolling: a system's step becomes the gradient of its loss over a whole padded sequence."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from rnnverify.padding import Bucket, inside
from rnnverify.systems import System

Arrays = Mapping[str, Any]


def unrolled_loss(system: System) -> Callable[[Arrays, Arrays, Any], jax.Array]:
    """Return the loss L = Σ_t w_t · loss_t of a sequence.

    Returns:
        A JAX function of the leaves (weights and states), the inputs, and the number of steps that
        are no padding. On padded steps the carry is held and the loss weight is 0.
    """

    def loss(leaves: Arrays, inputs: Arrays, steps: Any) -> jax.Array:
        weights = {name: leaves[name] for name in system.weights}
        state = {name: leaves[name] for name in system.state}
        read = {name: inputs[name] for name in inputs if name not in system.loss_weights}

        def body(carry: Any, x: tuple[Any, Arrays]) -> tuple[Any, jax.Array]:
            t, inputs_t = x
            new, loss_t = system.step(weights, carry, inputs_t)
            return jax.tree.map(lambda a, b: jnp.where(t < steps, a, b), new, carry), loss_t

        (w,) = (inputs[name] for name in system.loss_weights)
        _, losses = jax.lax.scan(body, system.init(weights, state), (jnp.arange(len(w)), read))
        return jnp.sum(w * losses)

    return loss


def unrolled_gradient(system: System, bucket: Bucket) -> Callable[[Arrays, Arrays], Arrays]:
    """Return the loss and its gradients as one function of padded arrays.

    Returns:
        A JAX function of the padded arrays and of the dims that are no padding; it returns
        ``"loss"`` and a gradient for each leaf, zero outside the real block.
    """
    differentiate = jax.value_and_grad(unrolled_loss(system))

    def gradient(arrays: Arrays, dims: Arrays) -> Arrays:
        leaves = {name: arrays[name] for name in system.leaves}
        inputs = {name: arrays[name] for name in system.inputs}
        loss, gradients = differentiate(leaves, inputs, dims["T"])
        cut = {
            name: jnp.where(inside(system.arrays[name], dims, bucket), value, 0.0)
            for name, value in gradients.items()
        }
        return {"loss": loss, **cut}

    return gradient
