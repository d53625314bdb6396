"""Gradient clipping in JAX, by optax's own transformations.

The same definition as in NumPy, written independently of it. Gradients come as the rows of one
array (gradients, entries), shorter ones filled up with zeros, which no norm notices. optax squares
what it is given, so rows are brought to a largest entry of 1 before: no square overflows then, and
rows that are shortened to the length 1 need but be multiplied by the threshold.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from rnnverify.records import ClipKind


def clip_by_value(rows: jax.Array, threshold: jax.Array) -> jax.Array:
    """Cut every entry to ``[-threshold, threshold]``."""
    return _apply(optax.clip(threshold), rows)


def clip_by_norm(rows: jax.Array, threshold: jax.Array) -> jax.Array:
    """Clip every row by its own L2 norm."""
    return jax.vmap(clip_by_global_norm, in_axes=(0, None))(rows, threshold)


def clip_by_global_norm(rows: jax.Array, threshold: jax.Array) -> jax.Array:
    """Clip all rows by their common L2 norm (Pascanu et al. 2013)."""
    largest = jnp.max(jnp.abs(rows))
    unit = jnp.where(jnp.isfinite(largest) & (largest > 0), largest, 1.0)
    moderate = rows / unit
    direction = _apply(optax.clip_by_global_norm(1.0), moderate)
    return jnp.where(optax.tree.norm(moderate) <= threshold / unit, rows, direction * threshold)


def _apply(transformation: optax.GradientTransformation, rows: jax.Array) -> jax.Array:
    clipped, _ = transformation.update(rows, optax.EmptyState())
    assert isinstance(clipped, jax.Array)
    return clipped


CLIPS: Mapping[ClipKind, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "none": lambda rows, _: rows,
    "value": clip_by_value,
    "norm": clip_by_norm,
    "global-norm": clip_by_global_norm,
}
