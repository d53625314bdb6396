"""Restrictions: what generated cases keep to, for code that has sizes or arrays built in."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from rnnverify.errors import UsageError
from rnnverify.records import Array
from rnnverify.systems import Sizes, System

Size = int | tuple[int, int] | str
"""One size, the least and the largest, or either as text: ``"32"``, ``"1..8"``."""


@dataclass(frozen=True)
class Restrictions:
    """What generated cases keep to.

    Attributes:
        dims: The least and the largest size of some axes.
        fixed: Arrays held at a value, which is broadcast to their shape.
    """

    dims: Sizes = field(default_factory=lambda: MappingProxyType({}))
    fixed: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(
        cls,
        system: System,
        dims: Mapping[str, Size] | None,
        fixed: Mapping[str, Any] | None,
    ) -> Self:
        """Return restrictions from arguments as people write them.

        Args:
            system: The system.
            dims: Sizes of axes: ``{"H": 32, "T": (1, 8)}``, or ``"1..8"``.
            fixed: Values of arrays: ``{"h0": 0, "loss_weights": 1}``.

        Raises:
            UsageError: if an axis or an array is unknown, or a size or a value makes no sense.
        """
        bounds = {axis: _bounds(system, axis, size) for axis, size in (dims or {}).items()}
        unknown = [name for name in fixed or {} if name not in system.arrays]
        if unknown:
            message = (
                f"fixed: {', '.join(unknown)} is no array of {system.name}; "
                f"those are {', '.join(system.arrays)}"
            )
            raise UsageError(message)
        made = cls(bounds, dict(fixed or {}))
        sizes = {**system.sizes, **bounds}
        for end in (0, 1):
            made.held(system, {axis: n[end] for axis, n in sizes.items()}, np.dtype(np.float64))
        return made

    def held(
        self, system: System, dims: Mapping[str, int], dtype: np.dtype[Any]
    ) -> dict[str, Array]:
        """Return the arrays that are held at a value, in a case of these sizes.

        Raises:
            UsageError: if a value does not fit the array's shape, or is none that it may hold.
        """
        return {name: _held(system, name, self.fixed[name], dims, dtype) for name in self.fixed}


def _bounds(system: System, axis: str, size: Size) -> tuple[int, int]:
    if axis not in system.dims:
        known = ", ".join(f"{name} ({what})" for name, what in system.dims.items())
        message = f"dims: {axis!r} is no axis of {system.name}; those are {known}"
        raise UsageError(message)
    try:
        low, high = _pair(size)
    except (TypeError, ValueError):
        low = high = 0
    if not 1 <= low <= high:
        message = (
            f"dims: {axis} = {size!r} is no size; write a whole number from 1 up, as 32 is, or the "
            "least and the largest, as (1, 8), or 1..8 on the command line"
        )
        raise UsageError(message)
    if high > system.limits.get(axis, high):
        message = f"dims: {axis} = {high} is too large; {system.name} takes {system.limits[axis]}"
        raise UsageError(message)
    return low, high


def _pair(size: Size) -> tuple[int, int]:
    if isinstance(size, str):
        first, dots, last = size.partition("..")
        return int(first), int(last if dots else first)
    if not isinstance(size, tuple | list):
        return operator.index(size), operator.index(size)
    low, high = size
    return operator.index(low), operator.index(high)


def _held(
    system: System, name: str, value: Any, dims: Mapping[str, int], dtype: np.dtype[Any]
) -> Array:
    shape = system.arrays[name].shape(dims)
    try:
        array = np.array(np.broadcast_to(np.asarray(value), shape))
    except ValueError:
        message = (
            f"fixed: {name} has the shape {shape} in this case, to which {value!r} cannot be "
            "broadcast; give one number, or hold its axes at one size with dims"
        )
        raise UsageError(message) from None
    try:
        return system.entries(name, array, dims, dtype)
    except UsageError as error:
        message = f"fixed: {str(error).removeprefix('arrays: ')}"
        raise UsageError(message) from None
