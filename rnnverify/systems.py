"""Systems: a recurrent model with its loss, as named axes, a JAX step, and a NumPy candidate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnverify.axes import INTEGERS, LINEAR, RANGES, Axes, lengths
from rnnverify.errors import UsageError
from rnnverify.records import DTYPES, Array, Candidate, Case, Clip, Truncation


@dataclass(frozen=True, eq=False, kw_only=True)
class System:
    """A recurrent model with its loss L = Σ_t w_t · loss_t.

    A layer has upstream gradients (cotangents) for inputs instead of loss weights; its loss_t is
    their product with the outputs of step t, and the steps' losses are added up.

    Attributes:
        name: What it is called on the command line.
        source: Citation.
        dims: What each axis is, in a few words, by its name; ``T`` is time.
        sizes: The smallest and largest size of each axis in generated cases.
        weights: Axes of the weights; clips cover their gradients.
        state: Axes of the initial state.
        inputs: Axes of everything else; what begins with ``T`` is read step by step.
        init: JAX: (weights, state) -> the carry that enters the first step.
        step: JAX: (weights, carry, this step's inputs) -> (carry, loss_t). The inputs hold the
            number of the step, from 0, as ``"t"``.
        final: JAX: (carry after the last step, inputs that are not read step by step) -> what it
            adds to the loss of the last step.
        gradients: The built-in candidate.
        truncated_gradients: The built-in candidate for truncated backpropagation, if there is one.
        fills: What an array is padded with, where it is not 0.
        unpadded: Axes that must not be padded.
        buckets: The padded sizes for which references are compiled, smallest first.
        has_kinks: Whether a derivative jumps somewhere, as that of relu does at 0. Which side a sum
            that cancels exactly comes to lie on is decided by rounding, and such a case is
            inconclusive; generated biases keep clear of most.
        limits: The largest size that an axis may have at all, where it is bounded.
    """

    name: str
    source: str
    dims: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]
    weights: Mapping[str, Axes]
    state: Mapping[str, Axes] = field(default_factory=lambda: MappingProxyType({}))
    inputs: Mapping[str, Axes]
    init: Callable[..., Any]
    step: Callable[..., Any]
    final: Callable[..., Any] | None = None
    gradients: Candidate
    truncated_gradients: Candidate | None = None
    fills: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    unpadded: frozenset[str] = frozenset()
    buckets: Sequence[Mapping[str, int]]
    has_kinks: bool = False
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def arrays(self) -> dict[str, Axes]:
        """The axes of every array of a case, by name."""
        return {**self.weights, **self.state, **self.inputs}

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """The arrays that have a gradient: the weights, then the states and the real inputs."""
        reals = (name for name, axes in self.inputs.items() if axes.values == "reals")
        return (*self.weights, *self.state, *reals)

    @cached_property
    def optional(self) -> tuple[str, ...]:
        """The leaves whose gradients a candidate need not return: all but the weights."""
        return self.leaves[len(self.weights) :]

    @cached_property
    def linear(self) -> tuple[str, ...]:
        """The inputs in which the loss is linear: loss weights or cotangents."""
        return tuple(name for name, axes in self.inputs.items() if axes.values in LINEAR)

    @cached_property
    def with_lengths(self) -> "System":
        """The same system for batches of sequences that have lengths (B) of their own.

        Raises:
            UsageError: if it has no batches.
        """
        if "B" not in self.dims:
            message = f"lengths: {self.name} reads one sequence, no batch of them"
            raise UsageError(message)
        return replace(self, inputs={**self.inputs, "lengths": lengths("B")})

    def case(
        self,
        arrays: Mapping[str, Any],
        *,
        dtype: str = "float64",
        clip: str | Clip = "none",
        truncate: str | int | Truncation | None = None,
    ) -> Case:
        """Make a case out of arrays of one's own.

        Args:
            arrays: Every array of the system, by name; shapes say how large the axes are. A system
                with batches takes ``lengths`` besides.
            dtype: ``float64`` or ``float32``; real arrays are rounded to it.
            clip: The clip under which gradients are wanted, such as ``"value:5"``.
            truncate: How far back losses are propagated: 5 steps, say, or ``"chunks:5"``.

        Returns:
            A case that can be handed to ``check``.

        Raises:
            UsageError: if an array is missing, unknown, misshapen or outside its values.
        """
        if "lengths" in arrays and "lengths" not in self.inputs and "B" in self.dims:
            return self.with_lengths.case(arrays, dtype=dtype, clip=clip, truncate=truncate)
        if dtype not in DTYPES:
            message = f"dtype: unknown {dtype!r}; known are {', '.join(DTYPES)}"
            raise UsageError(message)
        if set(arrays) != set(self.arrays):
            raise UsageError(self._misnamed(arrays))
        dims: dict[str, int] = {}
        made = {name: np.asarray(arrays[name]) for name in self.arrays}
        for name in sorted(made, key=lambda name: self.arrays[name].has_sums):
            self._measure(name, made[name], dims)
        return Case(
            system=self.name,
            dims={axis: dims[axis] for axis in self.dims},
            arrays={n: self._values(n, made[n], dims, np.dtype(dtype)) for n in made},
            dtype=np.dtype(dtype),
            clip=Clip.parse(clip) if isinstance(clip, str) else clip,
            truncation=Truncation.parse(truncate),
        )

    def _misnamed(self, arrays: Mapping[str, Any]) -> str:
        known = self.arrays
        return (
            f"arrays: {self.name} has {', '.join(known)}; "
            f"missing: {', '.join(sorted(set(known) - set(arrays))) or 'none'}; "
            f"unknown: {', '.join(sorted(set(arrays) - set(known))) or 'none'}"
        )

    def _measure(self, name: str, array: Array, dims: dict[str, int]) -> None:
        """Check an array's shape, and learn from it how large the axes are."""
        axes, before = self.arrays[name], dict(dims)
        if array.size == 0 or not axes.fit(array.shape, dims):
            known = ", ".join(f"{axis} = {n}" for axis, n in before.items()) or "no size yet"
            message = (
                f"arrays: {name} has the shape {array.shape}, but its axes are ({axes}), "
                f"at least 1 each, with {known} from the arrays before"
            )
            raise UsageError(message)
        for axis, most in self.limits.items():
            if dims.get(axis, 0) > most:
                message = (
                    f"arrays: {name} makes {axis} {dims[axis]}, but {self.name} goes up to {most}"
                )
                raise UsageError(message)

    def _values(
        self, name: str, array: Array, dims: Mapping[str, int], dtype: np.dtype[Any]
    ) -> Array:
        """Check an array's entries, and return it in the dtype of its kind."""
        axes = self.arrays[name]
        if axes.values in INTEGERS:
            low, high = (1, dims["T"]) if axes.below is None else (0, dims[axes.below] - 1)
            if array.dtype.kind not in "iu" or array.min() < low or array.max() > high:
                what = "lengths" if axes.below is None else "token ids"
                message = (
                    f"arrays: {name} must hold {what}, integers from {low} to {high}; "
                    f"it is {array!r}"
                )
                raise UsageError(message)
            return array.astype(np.int64)
        if array.dtype.kind not in "iufb" or not np.all(np.isfinite(array)):
            message = f"arrays: {name} must hold finite real numbers; it is {array!r}"
            raise UsageError(message)
        least, most = RANGES.get(axes.values, (-np.inf, np.inf))
        if array.min() < least or array.max() > most:
            message = f"arrays: {name} must hold numbers from {least} to {most}; it is {array!r}"
            raise UsageError(message)
        if axes.values == "strictly lower" and np.any(np.triu(array)):
            message = f"arrays: {name} must be zero on and above its diagonal; it is {array!r}"
            raise UsageError(message)
        return array.astype(dtype)
