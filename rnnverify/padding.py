"""Padding: cases of many shapes, compiled for a few.

Each axis is padded to the size that its bucket says; what the padding is filled with is the
system's business. Gradients are cut back to the real block before anything else sees them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.records import Array, Case, Interval
from rnnverify.systems import Axes, System

SMALL, MEDIUM = 8, 16

Bucket = tuple[tuple[str, int], ...]
"""The padded size of each axis; hashable, so that it can name a compiled program."""


def bucket_of(system: System, dims: Mapping[str, int]) -> Bucket:
    """Return the bucket for cases of these dims.

    Axes share one size while they are small, so that there are two buckets for most cases; from 16
    on, each axis is rounded up to a power of two.
    """
    padded = {axis: n for axis, n in dims.items() if axis not in system.unpadded}
    base = SMALL if max(padded.values()) <= SMALL else MEDIUM
    sizes = {axis: max(base, 1 << (n - 1).bit_length()) for axis, n in padded.items()}
    return tuple((axis, sizes.get(axis, n)) for axis, n in dims.items())


def pad(system: System, case: Case, bucket: Bucket) -> dict[str, Array]:
    """Return the case's arrays in the bucket's shapes, in float64 (token ids: int32)."""
    sizes = dict(bucket)
    padded = {}
    for name, axes in system.arrays.items():
        dtype = np.int32 if axes.values == "tokens" else np.float64
        array = np.full(axes.shape(sizes), system.fills.get(name, 0), dtype)
        array[_block(axes, case.dims)] = case[name]
        padded[name] = array
    return padded


def inside(axes: Axes, dims: Mapping[str, jax.Array], bucket: Bucket) -> jax.Array:
    """Return a mask, in a padded array's shape, that is true on the real block."""
    sizes = dict(bucket)
    mask = jnp.ones((), bool)
    for axis in axes.names:
        mask = mask[..., None] & (jnp.arange(sizes[axis]) < dims[axis])
    return mask


def width_of(system: System, bucket: Bucket) -> int:
    """Return the length of a row that holds any one padded gradient of the system."""
    sizes = dict(bucket)
    return max(math.prod(system.arrays[name].shape(sizes)) for name in system.leaves)


def as_rows(arrays: Sequence[jax.Array], width: int) -> jax.Array:
    """Return arrays as the rows of one (arrays, width), shorter ones filled up with zeros."""
    return jnp.stack([jnp.pad(a.ravel(), (0, width - a.size)) for a in arrays])


@cache
def layout(system: System, bucket: Bucket) -> tuple[tuple[str, Axes, tuple[int, ...], int], ...]:
    """Return the name, axes, padded shape and padded size of what each row holds."""
    sizes = dict(bucket)
    rows = ((name, system.arrays[name]) for name in system.leaves)
    return tuple((n, a, a.shape(sizes), math.prod(a.shape(sizes))) for n, a in rows)


def from_rows(
    system: System, dims: Mapping[str, int], bucket: Bucket, rows: Array
) -> dict[str, Interval]:
    """Return the real blocks of intervals that are rows (2, arrays, width).

    Args:
        system: The system.
        dims: The size of each axis that is no padding.
        bucket: The padded ones.
        rows: One for each leaf, or for the weights alone. Padding is zero, and its tolerance that
            of a zero, so that no row's largest entry or tolerance is to be found there.
    """
    sizes, blurs = np.abs(rows[0]).max(axis=1).tolist(), rows[1].max(axis=1).tolist()
    read = {}
    for (name, axes, shape, n), want, tolerance, size, blur in zip(
        layout(system, bucket), *rows, sizes, blurs, strict=False
    ):
        block = _block(axes, dims)
        pair = want[:n].reshape(shape)[block], tolerance[:n].reshape(shape)[block]
        read[name] = Interval(*pair, size, blur)
    return read


def _block(axes: Axes, dims: Mapping[str, int]) -> tuple[slice, ...]:
    return tuple(slice(dims[axis]) for axis in axes.names)
