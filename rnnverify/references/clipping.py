"""Gradient clipping in JAX, by optax's own transformations.

The same definition as in NumPy, written independently of it. optax squares what it is given,
so gradients whose squares would overflow or vanish are brought near 1 before, and back after.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from rnnverify.records import ClipKind

Tree = Mapping[str, jax.Array]


def clip_by_value(gradients: Tree, threshold: jax.Array) -> Tree:
    """Cut every entry to ``[-threshold, threshold]``."""
    return _apply(optax.clip(threshold), gradients)


def clip_by_norm(gradients: Tree, threshold: jax.Array) -> Tree:
    """Clip every gradient by its own L2 norm."""
    return {
        name: clip_by_global_norm({name: gradient}, threshold)[name]
        for name, gradient in gradients.items()
    }


def clip_by_global_norm(gradients: Tree, threshold: jax.Array) -> Tree:
    """Clip all gradients by their common L2 norm (Pascanu et al. 2013)."""
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(gradient)) for gradient in gradients.values()]))
    extreme = jnp.isfinite(largest) & (largest > 0) & ((largest > 1e100) | (largest < 1e-100))
    unit = jnp.where(extreme, largest, 1.0)
    scaled = {name: gradient / unit for name, gradient in gradients.items()}
    clipped = _apply(optax.clip_by_global_norm(threshold / unit), scaled)
    return {name: gradient * unit for name, gradient in clipped.items()}


def _apply(transformation: optax.GradientTransformation, gradients: Tree) -> Tree:
    clipped, _ = transformation.update(dict(gradients), optax.EmptyState())
    assert isinstance(clipped, dict)
    return clipped


CLIPS: Mapping[ClipKind, Callable[[Tree, jax.Array], Tree]] = {
    "none": lambda gradients, _: gradients,
    "value": clip_by_value,
    "norm": clip_by_norm,
    "global-norm": clip_by_global_norm,
}
