"""The noise: how large it is, and where its randomness comes from.

One operation's result ``out`` becomes ``out + level · c · n · m``, where

- ``level`` is 8 units of roundoff of the code under test;
- ``c`` belongs to the operation: 4 for transcendental functions, n/16 for sums of n > 16 terms
  (the worst case of recursive summation, (n-1)·u·Σ|x|, Higham 2002, section 4.2), else 1;
- ``n`` has a random sign and a magnitude between ½ and 1;
- ``m`` is the magnitude that was rounded: the larger operand of a sum, the sum of the absolute
  values for a long one or a dot product (in the clean sample), else the result; never so small that
  underflow would not be covered. At a kink it breaks ties.

Randomness is a constant random table for each operation, times an odd key for sample and
iteration; a product's top bits are random (Dietzfelbinger et al. 1997, multiply-shift hashing).
Entries that are equal therefore never get equal noise, which would cancel. In half of the
samples the key leaves the iteration out, so that each step of a scan rounds in the same way, as a
constant sequence does.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import jax
import jax.custom_batching
import jax.numpy as jnp
import numpy as np
from jax import lax

from rnnverify.records import Array

SAMPLES = 8
FEW = 4
"""Noisy samples in one call. Where tolerances are far from any threshold, so many may be enough: a
maximum over more of them could only grow."""
LEVEL = 8.0
SMALLEST = 2.0**-960
"""No magnitude counts as less than this, nor as so little that the noise would be smaller than the
smallest normal number of the dtype under test: code may flush anything below that to zero, as XLA
does on CPUs."""
LARGEST = 1e300
"""Bounds the magnitude, so that an infinite result takes finite noise and stays what it is."""

_GOLDEN = np.uint32(0x9E3779B9)
_SIGN_AND_FRACTION = np.int32(-0x7FF00001)
_EXPONENT_OF_HALF = np.int32(0x3FE00000)


class Noise(NamedTuple):
    """The noise of one sample (vmapped over: of all), at one iteration of the loops around it.

    Attributes:
        level: Relative size; 0 for the clean sample.
        least: The least magnitude that counts.
        steady: Whether the iteration is left out of the key.
        key: Odd uint32; mixes sample and iteration.
    """

    level: Any
    least: Any
    steady: Any
    key: Any

    def at(self, iteration: jax.Array) -> Self:
        """Return the noise inside a loop, at this iteration (uint32)."""
        mixed = _mix(self.key + jnp.where(self.steady, np.uint32(0), iteration + 1) * _GOLDEN)
        return self._replace(key=mixed | np.uint32(1))

    def kept_inside(self, operand: Any, low: float, high: float) -> Any:
        """Return a noisy operand inside the domain of a function; a clean one as it is."""
        return jnp.where(self.level == 0, operand, jnp.clip(operand, low, high))


def samples(
    dtype: np.dtype[Any],
    unit: float | None = None,
    numbers: Sequence[int] = range(1, 1 + SAMPLES),
) -> Noise:
    """Return a clean sample and noisy ones, stacked, for code that computes in ``dtype``.

    Args:
        dtype: float64 or float32.
        unit: The unit roundoff, where it is not the dtype's own.
        numbers: Which noisy samples, from 1.

    Returns:
        A Noise whose fields are NumPy arrays (1 + samples).
    """
    info = np.finfo(dtype)
    level = LEVEL * (unit or float(info.eps) / 2)
    index = np.array([0, *numbers])
    with np.errstate(over="ignore"):
        key = _mix(index.astype(np.uint32) * _GOLDEN) | np.uint32(1)
    return Noise(
        level=np.where(index == 0, 0.0, level),
        least=np.full(len(index), max(float(info.smallest_normal) / level, SMALLEST)),
        steady=index % 2 == 0,
        key=key,
    )


class Perturber:
    """Adds noise to results; gives each operation that it is used for a random table of its own."""

    def __init__(self) -> None:
        self._operations = itertools.count()

    def perturb(self, noise: Noise, out: Any, magnitude: Any, factor: float = 1.0) -> Any:
        """Return ``out + level · factor · n · magnitude``.

        Args:
            noise: The noise of the sample.
            out: The result of an operation.
            magnitude: What was rounded, of the shape of ``out``.
            factor: The operation's c.
        """
        table = self._table(np.shape(out))
        return _moved(out, magnitude, table, noise._replace(level=noise.level * factor))

    def _table(self, shape: tuple[int, ...]) -> Array:
        random = np.random.default_rng(next(self._operations))
        return random.integers(0, 2**32, size=shape, dtype=np.uint32)


@jax.jit  # traced once for all operations of a shape
def _moved(out: Any, magnitude: Any, table: Array, noise: Noise) -> Any:
    size = lax.mul(noise.level, larger(noise.least, smaller(magnitude, LARGEST)))
    return lax.add(out, lax.mul(_random(lax.mul(table, noise.key)), size))


def _random(bits: Any) -> Any:
    """Return a double of random sign, and between ½ and 1, from random bits (uint32).

    They become the sign, and the first twenty digits of the fraction; the exponent is that of ½.
    """
    high = lax.shift_right_arithmetic(lax.bitcast_convert_type(bits, np.int32), np.int32(11))
    high = high & _SIGN_AND_FRACTION | _EXPONENT_OF_HALF
    whole = lax.shift_left(lax.convert_element_type(high, np.int64), np.int64(32))
    return lax.bitcast_convert_type(whole, np.float64)


@jax.custom_batching.custom_vmap
def of_clean(value: Any) -> Any:
    """Return in every sample what a value is in the clean one.

    It is formed once, then. The magnitude of a large product costs as much as the product.
    """
    return value


@of_clean.def_vmap
def _of_clean(_samples: int, _batched: Any, values: Any) -> tuple[Any, bool]:
    return values[0], False


def larger(a: Any, b: Any) -> Any:
    """Return the larger of two, and b where a is NaN: that costs less than to hand on NaN."""
    return jnp.where(a > b, a, b)


def smaller(a: Any, b: Any) -> Any:
    """Return the smaller of two, and b where a is NaN."""
    return jnp.where(a < b, a, b)


def _mix(key: Any) -> Any:
    """Finalise a uint32 hash (Appleby's MurmurHash3)."""
    key = (key ^ (key >> 16)) * np.uint32(0x85EBCA6B)
    key = (key ^ (key >> 13)) * np.uint32(0xC2B2AE35)
    return key ^ (key >> 16)
