"""Comparing gradients: structure first, then every entry against its tolerance."""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.errors import InvalidGradientsError
from rnnverify.records import Array, Interval
from rnnverify.verdicts import Comparison, ComparisonKind

FLOAT32 = 2.0**-20
"""What code that computes in float32 loses after some steps: an inaccuracy, no wrong formula."""
CHAOS = 0.1
"""Where rounding may move an array by more than this share of it, a case says nothing."""
UNDERFLOW = {np.dtype(np.float64): 2.0**-500, np.dtype(np.float32): 2.0**-100}
"""Tolerances below this are never chaos: they belong to arrays that are zero, or underflow."""


def structured(
    returned: Any, shapes: Mapping[str, tuple[int, ...]], required: Sequence[str]
) -> dict[str, Array]:
    """Return a candidate's gradients as float64 arrays, if they have the structure they must have.

    Args:
        returned: What the candidate returned.
        shapes: The shape of each gradient that it may return; a ``"loss"`` may have any one number.
        required: The gradients that it must return.

    Raises:
        InvalidGradientsError: saying what is wrong and what would be right.
    """
    if not isinstance(returned, Mapping):
        message = (
            f"the candidate returned a {type(returned).__name__}, but must return a mapping from "
            f"array names to gradients, such as {{{required[0]!r}: ..., ...}}"
        )
        raise InvalidGradientsError(message)
    for name in returned:
        if name not in shapes and name != "loss":
            raise InvalidGradientsError(_unknown(name, list(shapes)))
    missing = [name for name in required if name not in returned]
    if missing:
        all_are = len(missing) == len(required)
        rest = "" if all_are else f"; it must return those of {', '.join(required)}"
        message = f"the candidate returned no gradient of {', '.join(missing)}{rest}"
        raise InvalidGradientsError(message)
    return {name: _numbers(name, value, shapes.get(name)) for name, value in returned.items()}


def _unknown(name: Any, known: list[str]) -> str:
    near = difflib.get_close_matches(str(name).removeprefix("d"), known, n=1, cutoff=0.8)
    hint = f"; the gradient of {near[0]} is called {near[0]!r}" if near else ""
    return (
        f"the candidate returned {name!r}, which is no array that has a gradient{hint}. "
        f"Known are {', '.join(known)}, and 'loss'"
    )


def _numbers(name: str, value: Any, shape: tuple[int, ...] | None) -> Array:
    what = "the loss" if shape is None else f"the gradient of {name}"
    try:
        array = np.asarray(value)
    except Exception as error:
        message = f"{what} cannot be read as an array: {type(error).__name__}: {error}"
        raise InvalidGradientsError(message) from error
    if array.dtype.kind not in "fiu":
        message = f"{what} has the dtype {array.dtype}, but must hold real numbers, as float64 does"
        raise InvalidGradientsError(message)
    if shape is None and array.size == 1:
        return array.astype(np.float64).reshape(())
    if array.shape != shape:
        transposed = shape is not None and array.shape == shape[::-1]
        message = (
            f"{what} has the shape {array.shape}, but must have {shape or 'that of a number'}"
            f"{', of which it is the transpose' if transposed else ''}"
        )
        raise InvalidGradientsError(message)
    return array.astype(np.float64)


def conclusive(intervals: Sequence[Interval], dtype: np.dtype[Any], far: float = 1.0) -> bool:
    """Whether so many times the rounding leave enough of every array to tell right from wrong."""
    return all(far * each.blur <= max(CHAOS * each.size, UNDERFLOW[dtype]) for each in intervals)


def compare(
    gradient: str, got: Array, interval: Interval, *, unit: float, says_little: bool = False
) -> Comparison:
    """Compare one gradient with the reference, entry by entry.

    Args:
        gradient: The array's name.
        got: The candidate's gradient, in float64.
        interval: What it should be, and how far off it may be, in the same shape.
        unit: The unit roundoff u of the dtype in which the candidate computes.
        says_little: Whether a match would mean nothing, as where a clip cuts every entry.

    Returns:
        ``wrong`` where an entry is beyond its tolerance, though only ``inaccurate`` where no error
        is above √u of the largest entry, or above what a computation in float32 loses.
    """
    want, tolerance = interval.want, interval.tolerance
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(got - want)
        ratio = error / tolerance
    index = np.unravel_index(int(ratio.argmax()), ratio.shape)
    worst, most = float(ratio[index]), float(error.max())
    if math.isnan(worst):  # argmax finds NaN, if there is one
        worst, ratio = math.inf, np.where(np.isnan(ratio), math.inf, ratio)
    enough = math.sqrt(unit) * interval.size
    kind: ComparisonKind = "match"
    if worst == math.inf and not np.all(np.isfinite(got)):
        kind = "nonfinite"
    elif not worst <= 1:
        kind = "inaccurate" if most <= max(enough, FLOAT32 * interval.size) else "wrong"
    return Comparison(
        gradient=gradient,
        kind=kind,
        worst=worst,
        index=tuple(int(i) for i in index),
        got=float(got[index]),
        want=float(want[index]),
        tolerance=float(tolerance[index]),
        digits=_digits(interval.blur, interval.size, unit),
        agree=_digits(most, interval.size, unit),
        conclusive=interval.size > 0 and interval.blur <= enough and not says_little,
        zero=interval.size == 0,
        errors=ratio,
    )


def _digits(error: float, scale: float, unit: float) -> float:
    """Return how many decimal digits are right, none to as many as the dtype holds."""
    if not error < scale:
        return 0.0
    return -math.log10(max(error / scale, unit))
