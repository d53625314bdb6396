"""Gradient clipping in JAX, by optax's own transformations.

The same definition as in NumPy, written independently of it. Gradients come as the rows of one
array (gradients, entries), shorter ones filled up with zeros, which no norm notices. optax squares
what it is given, so rows whose squares would overflow or vanish are brought near 1 before, and back
after; entries 100 orders of magnitude below the norm may then come out as 0.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from rnnverify.records import ClipKind

SQUARABLE = 1e-100, 1e100
"""Between these, no square overflows or vanishes in float64."""


def clip_by_value(rows: jax.Array, threshold: jax.Array) -> jax.Array:
    """Cut every entry to ``[-threshold, threshold]``."""
    return _apply(optax.clip(threshold), rows)


def clip_by_norm(rows: jax.Array, threshold: jax.Array) -> jax.Array:
    """Clip every row by its own L2 norm."""
    return jax.vmap(clip_by_global_norm, in_axes=(0, None))(rows, threshold)


def clip_by_global_norm(rows: jax.Array, threshold: jax.Array) -> jax.Array:
    """Clip all rows by their common L2 norm (Pascanu et al. 2013)."""
    largest = jnp.max(jnp.abs(rows))
    squarable = (largest > SQUARABLE[0]) & (largest < SQUARABLE[1])
    extreme = ~squarable & (largest > 0) & jnp.isfinite(largest)
    unit = jnp.where(extreme, largest, 1.0)
    return _apply(optax.clip_by_global_norm(threshold / unit), rows / unit) * unit


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
