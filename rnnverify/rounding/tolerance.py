"""From samples to tolerances: how far the noise moved each entry."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.records import Array, Interval
from rnnverify.rounding.interpreter import noisy
from rnnverify.rounding.noise import LEVEL, Noise, samples

SAFETY = 2.0
"""Tolerances are this many times the largest move seen."""
LEAST = float(np.finfo(np.float64).smallest_normal)
"""No tolerance is 0, so that errors can be told in tolerances."""
SHORTEST = 16
"""Steps that are counted at least in the floor under a tolerance."""


def sampled(
    function: Callable[..., Any], *example: Any, unknown: set[str] | None = None
) -> Callable[..., Any]:
    """Return ``function`` evaluated once without noise and several times with it.

    Args:
        function: A JAX function of arrays, or trees of them.
        example: Arguments of the shapes and dtypes that it will be called with.
        unknown: See ``noisy``.

    Returns:
        A function of stacked Noise and the arguments; each result has a leading axis, that of the
        samples, and its entry 0 is the clean one.
    """
    run = noisy(function, *example, unknown=unknown)
    return jax.vmap(run, in_axes=(0, *[None] * len(example)))


def interval(stacked: Any, unit: Any, steps: Any) -> tuple[Any, Any]:
    """Return an array's value and tolerance, from its samples.

    Args:
        stacked: Samples (1 + noisy ones, …), as ``sampled`` gives them.
        unit: The unit roundoff u of the code under test.
        steps: The number of time steps T; rounding of a constant sequence drifts like T·u.
    """
    want = stacked[0]
    moves = [jnp.abs(sample - want) for sample in stacked[1:]]
    spread = functools.reduce(jnp.maximum, moves)
    floor = jnp.maximum(steps, SHORTEST) * unit * jnp.abs(want)
    return want, jnp.maximum(jnp.maximum(SAFETY * spread, floor), LEAST)


def unit_roundoff(noise: Noise) -> Any:
    """Return the unit roundoff u for which this noise was made."""
    return jnp.max(noise.level) / LEVEL


def tolerance_of(
    function: Callable[..., Any], *arguments: Array, dtype: str = "float64", steps: int = 1
) -> Interval:
    """Evaluate a JAX function and say how far correct code may be from it.

    Args:
        function: A function of arrays that returns one array; it is evaluated in float64.
        arguments: Its arguments.
        dtype: The dtype in which the code under test computes.
        steps: The number of time steps that it goes through.

    Returns:
        NumPy arrays of the shape of the result.

    Raises:
        MissingRuleError: if it uses a primitive without a rounding rule.
    """
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own signature
        noise = samples(np.dtype(dtype))
        run = jax.jit(sampled(function, *arguments))
        want, tolerance = interval(run(noise, *arguments), unit_roundoff(noise), steps)
        return Interval.of(np.asarray(want), np.asarray(tolerance))
