"""Padding: cases of many shapes, compiled for a few.

Each axis is padded to the size that its bucket says; what the padding is filled with is the
system's business. Gradients are cut back to the real block before anything else sees them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.axes import INTEGERS, Axes, sizes
from rnnverify.records import Array, Case, Interval
from rnnverify.systems import System

Bucket = tuple[tuple[str, int], ...]
"""The padded size of each axis; hashable, so that it can name a compiled program."""
ROUGH = 64
"""Beyond, there are twice as many sizes, since padding costs more than compiling, unless sizes vary
widely within a run."""


def bucket_of(system: System, dims: Mapping[str, int]) -> Bucket:
    """Return the bucket for cases of these dims.

    It is the first of the system's own that they fit in; beyond the last one, each axis that is
    too large is rounded up to a power of two, or beyond 64 to what is halfway between two of them.
    """
    padded = {axis: n for axis, n in dims.items() if axis not in system.unpadded}
    for bucket in system.buckets:
        if all(n <= bucket[axis] for axis, n in padded.items()):
            break
    else:
        bucket = {axis: _rounded(n, bucket[axis]) for axis, n in padded.items()}
    return tuple((axis, bucket.get(axis, n)) for axis, n in dims.items())


def _rounded(n: int, least: int) -> int:
    if n <= least:
        return least
    power = 1 << (n - 1).bit_length()
    between = 3 * power // 4
    return between if ROUGH < n <= between else power


def pad(system: System, case: Case, bucket: Bucket) -> dict[str, Array]:
    """Return the case's arrays in the bucket's shapes, in float64 (integers: int32)."""
    padded = example_arrays(system, bucket)
    for name, block in blocks(system, tuple(case.dims.items()), bucket).items():
        if name in system.fills:
            padded[name].fill(system.fills[name])
        padded[name][block] = case[name]
    return padded


def example_arrays(system: System, bucket: Bucket) -> dict[str, Array]:
    """Return arrays of the shapes and dtypes that padded ones have."""
    return {name: np.zeros(*each) for name, each in _shapes(system, bucket).items()}


@cache
def _shapes(system: System, bucket: Bucket) -> dict[str, tuple[tuple[int, ...], type]]:
    padded = dict(bucket)
    return {
        name: (axes.shape(padded), np.int32 if axes.values in INTEGERS else np.float64)
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


class Layout(NamedTuple):
    """Where padded leaves are, one after the other.

    Attributes:
        shapes: Their padded shapes.
        places: Where each is.
        starts: Where each begins.
    """

    shapes: Sequence[tuple[int, ...]]
    places: Sequence[slice]
    starts: Array


@cache
def layout(system: System, bucket: Bucket, names: tuple[str, ...]) -> Layout:
    """Return where the leaves of those names are, one after the other."""
    padded = dict(bucket)
    shapes = [system.arrays[name].shape(padded) for name in names]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    starts = np.array([0, *ends[:-1]])
    places = [slice(*pair) for pair in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Layout(shapes, places, starts)


def flattened(arrays: Sequence[jax.Array]) -> jax.Array:
    """Return the entries of all arrays, one after the other."""
    return jnp.concatenate([jnp.ravel(array) for array in arrays])


def from_flat(
    system: System, dims: Mapping[str, int], bucket: Bucket, flat: Array, names: tuple[str, ...]
) -> dict[str, Interval]:
    """Return the real blocks of intervals of padded leaves, which stand one after the other.

    Args:
        system: The system.
        dims: The size of each axis that is no padding.
        bucket: The padded ones.
        flat: What is wanted, and tolerances (2, entries). Padding is zero, and its tolerance that
            of a zero, so that no leaf's largest entry or tolerance is to be found there.
        names: The leaves that they belong to.
    """
    shapes, places, starts = layout(system, bucket, names)
    real = blocks(system, tuple(dims.items()), bucket)
    largest = np.maximum.reduceat(np.abs(flat[0]), starts).tolist()
    blurs = np.maximum.reduceat(flat[1], starts).tolist()
    read = {}
    for name, shape, place, size, blur in zip(names, shapes, places, largest, blurs, strict=True):
        want, tolerance = flat[:, place].reshape(2, *shape)
        read[name] = Interval(want[real[name]], tolerance[real[name]], size, blur)
    return read


@lru_cache(maxsize=4096)
def blocks(system: System, exactly: Bucket, bucket: Bucket) -> Mapping[str, tuple[Any, ...]]:
    """Return the index of the real block in each padded array.

    Args:
        system: The system.
        exactly: The sizes of axes without padding.
        bucket: The padded ones.
    """
    dims, padded = dict(exactly), dict(bucket)
    return {name: _block_of(axes, dims, padded) for name, axes in system.arrays.items()}


def _block_of(axes: Axes, dims: Mapping[str, int], padded: Mapping[str, int]) -> tuple[Any, ...]:
    if not axes.has_sums:
        return tuple(slice(n) for n in axes.shape(dims))
    return np.ix_(*(_places(sizes(axis, dims), sizes(axis, padded)) for axis in axes.names))


def _places(real: Sequence[int], padded: Sequence[int]) -> list[int]:
    """Return where the entries of an axis' blocks are, each block being padded by itself."""
    starts = np.cumsum([0, *padded[:-1]]).tolist()
    return [start + i for start, n in zip(starts, real, strict=True) for i in range(n)]
