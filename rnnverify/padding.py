"""Padding: cases of many shapes, compiled for a few.

Each axis is padded to the size that its bucket says; what the padding is filled with is the
system's business. Gradients are cut back to the real block before anything else sees them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.axes import INTEGERS, Axes, sizes
from rnnverify.records import Array, Case, Interval
from rnnverify.systems import System

Bucket = tuple[tuple[str, int], ...]
"""The padded size of each axis; hashable, so that it can name a compiled program."""


def bucket_of(system: System, dims: Mapping[str, int]) -> Bucket:
    """Return the bucket for cases of these dims.

    It is the first of the system's own that they fit in; beyond the last one, each axis that is
    too large is rounded up to a power of two.
    """
    padded = {axis: n for axis, n in dims.items() if axis not in system.unpadded}
    for bucket in system.buckets:
        if all(n <= bucket[axis] for axis, n in padded.items()):
            break
    else:
        bucket = {axis: _rounded(n, bucket[axis]) for axis, n in padded.items()}
    return tuple((axis, bucket.get(axis, n)) for axis, n in dims.items())


def _rounded(n: int, least: int) -> int:
    return least if n <= least else 1 << (n - 1).bit_length()


def pad(system: System, case: Case, bucket: Bucket) -> dict[str, Array]:
    """Return the case's arrays in the bucket's shapes, in float64 (integers: int32)."""
    padded = example_arrays(system, bucket)
    for name, axes in system.arrays.items():
        padded[name].fill(system.fills.get(name, 0))
        padded[name][block_of(axes, case.dims, bucket)] = case[name]
    return padded


def example_arrays(system: System, bucket: Bucket) -> dict[str, Array]:
    """Return arrays of the shapes and dtypes that padded ones have."""
    padded = dict(bucket)
    return {
        name: np.zeros(axes.shape(padded), np.int32 if axes.values in INTEGERS else np.float64)
        for name, axes in system.arrays.items()
    }


def inside(axes: Axes, dims: Mapping[str, jax.Array], bucket: Bucket) -> jax.Array:
    """Return a mask, in a padded array's shape, that is true on the real block."""
    padded = dict(bucket)
    mask = jnp.ones((), bool)
    for axis in axes.names:
        blocks = zip(sizes(axis, dims), sizes(axis, padded), strict=True)  # type: ignore[arg-type]
        mask = mask[..., None] & jnp.concatenate([jnp.arange(most) < n for n, most in blocks])
    return mask


def width_of(system: System, bucket: Bucket) -> int:
    """Return the length of a row that holds any one padded gradient of the system."""
    return max(size for _, _, size in layout(system, bucket).values())


def as_rows(arrays: Sequence[jax.Array], width: int) -> jax.Array:
    """Return arrays as the rows of one (arrays, width), shorter ones filled up with zeros."""
    return jnp.stack([jnp.pad(a.ravel(), (0, width - a.size)) for a in arrays])


@cache
def layout(system: System, bucket: Bucket) -> dict[str, tuple[Axes, tuple[int, ...], int]]:
    """Return the axes, padded shape and padded size of each leaf."""
    padded = dict(bucket)
    leaves = ((name, system.arrays[name]) for name in system.leaves)
    return {n: (a, a.shape(padded), math.prod(a.shape(padded))) for n, a in leaves}


def from_rows(
    system: System, dims: Mapping[str, int], bucket: Bucket, rows: Array, names: Sequence[str]
) -> dict[str, Interval]:
    """Return the real blocks of intervals that are rows (2, arrays, width).

    Args:
        system: The system.
        dims: The size of each axis that is no padding.
        bucket: The padded ones.
        rows: One for each name, at least. Padding is zero, and its tolerance that of a zero, so
            that no row's largest entry or tolerance is to be found there.
        names: The leaves that they belong to.
    """
    largest, blurs = np.abs(rows[0]).max(axis=1).tolist(), rows[1].max(axis=1).tolist()
    read = {}
    places = layout(system, bucket)
    for name, want, tolerance, size, blur in zip(names, *rows, largest, blurs, strict=False):
        axes, shape, n = places[name]
        block = block_of(axes, dims, bucket)
        pair = want[:n].reshape(shape)[block], tolerance[:n].reshape(shape)[block]
        read[name] = Interval(*pair, size, blur)
    return read


def block_of(axes: Axes, dims: Mapping[str, int], bucket: Bucket) -> tuple[Any, ...]:
    """Return the index of the real block in a padded array."""
    if not axes.has_sums:
        return tuple(slice(n) for n in axes.shape(dims))
    padded = dict(bucket)
    return np.ix_(*(_places(sizes(axis, dims), sizes(axis, padded)) for axis in axes.names))


def _places(real: Sequence[int], padded: Sequence[int]) -> list[int]:
    """Return where the entries of an axis' blocks are, each block being padded by itself."""
    starts = np.cumsum([0, *padded[:-1]]).tolist()
    return [start + i for start, n in zip(starts, real, strict=True) for i in range(n)]
