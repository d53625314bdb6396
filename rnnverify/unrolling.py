"""Unrolling: a system's step becomes the gradient of its loss over a whole padded sequence."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rnnverify.padding import Bucket, inside
from rnnverify.systems import System

Arrays = dict[str, Any]


def unrolled_gradient(
    system: System, bucket: Bucket, *, truncated: bool = False
) -> Callable[[Arrays, Arrays], Arrays]:
    """Return the loss and its gradients as one function of padded arrays.

    Args:
        system: The system.
        bucket: The padded sizes.
        truncated: Whether each loss is propagated only so far back as ``since`` says.

    Returns:
        A JAX function of the padded arrays and of the sizes that are no padding (with the array
        ``since`` (T) where truncated); it returns ``"loss"`` and a gradient for each leaf, zero
        outside the real block.
    """
    differentiate = _truncated(system) if truncated else jax.value_and_grad(_loss(system))

    def gradient(arrays: Arrays, sizes: Arrays) -> Arrays:
        leaves = {name: arrays[name] for name in system.leaves}
        fixed = {name: arrays[name] for name in arrays if name not in leaves}
        loss, gradients = differentiate(leaves, fixed, sizes)
        cut = {
            name: jnp.where(inside(system.arrays[name], sizes, bucket), value, 0.0)
            for name, value in gradients.items()
        }
        return {"loss": loss, **cut}

    return gradient


def _loss(system: System) -> Callable[[Arrays, Arrays, Arrays], jax.Array]:
    """Return the loss of a sequence, as a function of leaves, fixed inputs, and sizes."""
    whole = system.loss
    if whole is not None:
        return lambda leaves, fixed, _: whole(leaves | fixed)

    def loss(leaves: Arrays, fixed: Arrays, sizes: Arrays) -> jax.Array:
        weights = {name: leaves[name] for name in system.weights}
        state = {name: leaves[name] for name in system.state}
        every_step, once = _inputs(system, leaves | fixed)

        def body(carry: Any, x: Arrays) -> tuple[Any, jax.Array]:
            return _advance(system, weights, carry, x, once | sizes)

        carry, losses = jax.lax.scan(body, system.init(weights, state), every_step)
        return jnp.add(jnp.sum(losses), _final(system, carry, once))

    return loss


def _inputs(system: System, arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Return what is read step by step, the steps' numbers with it, and what is not."""
    every_step = {n: arrays[n] for n, axes in system.inputs.items() if axes.is_scanned}
    once = {name: arrays[name] for name in system.inputs if name not in every_step}
    steps = len(next(iter(every_step.values())))
    return {**every_step, "t": jnp.arange(steps)}, once


def _advance(
    system: System, weights: Arrays, carry: Any, x: Arrays, once: Arrays
) -> tuple[Any, jax.Array]:
    """Make one step, unless it is padding: the carry is held then, and the loss is 0."""
    going_on = x["t"] < once["T"]
    if "lengths" in once:
        going_on = x["t"] < once["lengths"]
        x = {**x, **{name: _where(going_on, x[name], 0.0) for name in system.linear if name in x}}
    assert system.step is not None
    new, loss_t = system.step(weights, carry, x)
    if not system.linear:
        loss_t = _where(going_on, loss_t, 0.0)
    held = jax.tree.map(lambda a, b: _where(going_on, a, b), new, carry)
    for name in system.linear:
        if system.inputs[name].values == "loss weights":
            loss_t = x[name] * loss_t
    return held, loss_t


def _where(rows: jax.Array, a: Any, b: Any) -> jax.Array:
    """Select by a condition on the leading axes."""
    return jnp.where(rows.reshape(rows.shape + (1,) * (jnp.ndim(a) - rows.ndim)), a, b)


def _final(system: System, carry: Any, once: Arrays) -> Any:
    return 0.0 if system.final is None else system.final(carry, once)


def split_gradient(system: System, bucket: Bucket) -> Callable[[Arrays, Arrays], Arrays]:
    """Return the gradient of the loss, split into what comes from each step's loss and where.

    Args:
        system: The system; it has a step, and inputs that losses are linear in.
        bucket: The padded sizes.

    Returns:
        A JAX function of the padded arrays and of the sizes that are no padding. It returns the
        gradients of each step's loss alone: of states and real inputs (T ...), of weights as they
        are used at each step, and at last where the carry is made (T T+1 ...).
    """
    steps = dict(bucket)["T"]

    def split(arrays: Arrays, sizes: Arrays) -> Arrays:
        copies = {
            n: jnp.broadcast_to(arrays[n], (steps + 1, *arrays[n].shape)) for n in system.weights
        }
        others = {name: arrays[name] for name in system.leaves if name not in copies}

        def loss(copies: Arrays, others: Arrays, heard: jax.Array) -> jax.Array:
            every_step, once = _inputs(system, {**arrays, **others})
            last = heard[sizes["T"] - 1]
            every_step |= {
                n: _scaled(heard, every_step[n]) for n in system.linear if n in every_step
            }
            once = {n: last * a if n in system.linear else a for n, a in once.items()}

            def body(carry: Any, x: tuple[Arrays, Arrays]) -> tuple[Any, jax.Array]:
                return _advance(system, x[0], carry, x[1], once | sizes)

            start = system.init(
                {name: copy[-1] for name, copy in copies.items()},
                {name: others[name] for name in system.state},
            )
            used = {name: copy[:-1] for name, copy in copies.items()}
            carry, losses = jax.lax.scan(body, start, (used, every_step))
            return jnp.add(jnp.sum(losses), _final(system, carry, once))

        gradient = jax.vmap(jax.grad(loss, argnums=(0, 1)), in_axes=(None, None, 0))
        of_copies, of_others = gradient(copies, others, jnp.eye(steps))
        return {**of_copies, **of_others}

    return split


def _scaled(heard: jax.Array, each: jax.Array) -> jax.Array:
    return heard.reshape(heard.shape + (1,) * (each.ndim - 1)) * each


def _truncated(system: System) -> Callable[[Arrays, Arrays, Arrays], tuple[Any, Arrays]]:
    """Return loss and gradients where the loss of step t goes back to step ``since[t]`` only.

    One pass backwards carries an adjoint for every step's loss at once (T …), and drops that of
    step t once it has passed step ``since[t]``. What leaves step 0 is the initial state's. Time
    grows like T², whatever ``since`` is, so that one program serves every truncation.
    """

    def differentiate(leaves: Arrays, fixed: Arrays, sizes: Arrays) -> tuple[Any, Arrays]:
        weights = {name: leaves[name] for name in system.weights}
        state = {name: leaves[name] for name in system.state}
        reals = {name: leaves[name] for name in system.leaves if name in system.inputs}
        every_step, once = _inputs(system, leaves | fixed)
        steps = every_step["t"]

        def forward(carry: Any, x: Arrays) -> tuple[Any, Any]:
            new, loss_t = _advance(system, weights, carry, x, once | sizes)
            return new, (carry, loss_t)

        def backward(state: tuple[Any, Any], entering: tuple[Any, Arrays]) -> tuple[Any, Any]:
            adjoints, total = state
            carry, x = entering

            def step(weights: Arrays, carry: Any, real: Arrays) -> tuple[Any, jax.Array]:
                return _advance(system, weights, carry, {**x, **real}, once | sizes)

            _, pull = jax.vjp(step, weights, carry, {name: x[name] for name in reals})
            of_loss = jnp.where(steps == x["t"], 1.0, 0.0)
            into = jax.vmap(lambda adjoint, one: pull((adjoint, one))[1])(adjoints, of_loss)
            d_weights, _, d_reals = pull((_summed(adjoints), jnp.sum(of_loss)))
            going_on = (sizes["since"] != x["t"]) | (x["t"] == 0)
            kept = jax.tree.map(lambda adjoint: _where(going_on, adjoint, 0.0), into)
            return (kept, jax.tree.map(jnp.add, total, d_weights)), d_reals

        start, pull_init = jax.vjp(system.init, weights, state)
        last, (carries, losses) = jax.lax.scan(forward, start, every_step)
        of_last, pull_final = jax.vjp(lambda carry: _final(system, carry, once), last)
        (d_last,) = pull_final(jnp.ones_like(of_last))
        is_last = steps == sizes["T"] - 1
        adjoints = jax.tree.map(lambda d: _where(is_last, d[None], 0.0), d_last)
        nothing = jax.tree.map(jnp.zeros_like, weights)
        (adjoints, d_weights), d_reals = jax.lax.scan(
            backward, (adjoints, nothing), (carries, every_step), reverse=True
        )
        d_init, d_state = pull_init(_summed(adjoints))
        total = jax.tree.map(jnp.add, d_weights, d_init)
        return jnp.sum(losses) + of_last, {**total, **d_state, **d_reals}

    return differentiate


def _summed(tree: Any) -> Any:
    return jax.tree.map(lambda a: jnp.sum(a, axis=0), tree)
