"""Systems: a recurrent model with its loss, as named axes, a JAX step, and a NumPy candidate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnverify.axes import INTEGERS, LINEAR, RANGES, Axes, lengths, reals
from rnnverify.errors import UsageError
from rnnverify.records import DTYPES, Array, Candidate, Case, Clip, Truncation

MEANINGS = {"T": "time steps", "B": "sequences", "H": "hidden units", "D": "input features"}
"""What axes are usually called, in systems that do not say."""
SIZES = {"T": (1, 8)}
USUAL = (1, 5)
"""Sizes in generated cases of systems that do not say."""

Sizes = Mapping[str, tuple[int, int]]
"""The smallest and the largest size of each axis."""
Described = Mapping[str, Any]
"""Arrays by name: their Axes, or the axes of an array of reals as text."""


def no_model(case: Case) -> Mapping[str, Any]:
    """Stand in for the built-in model of a system that has none.

    Raises:
        UsageError: always.
    """
    message = f"system: {case.system!r} has no model of its own; name a candidate"
    raise UsageError(message)


@dataclass(frozen=True, eq=False, kw_only=True)
class System:
    """A recurrent model with its loss L = Σ_t w_t · loss_t.

    A layer has upstream gradients (cotangents) for inputs instead of loss weights; its loss_t is
    their product with the outputs of step t, and the steps' losses are added up.

    A system of one's own needs a name, weights and inputs, and either a ``step`` or a ``loss``:

        >>> RNN = rnnverify.System(
        ...     name="my_rnn",
        ...     weights={"W": "H H", "U": "D H"},
        ...     state={"h0": "H"},
        ...     inputs={"x": "T D", "loss_weights": rnnverify.loss_weights("T")},
        ...     step=lambda weights, h, x: ...,
        ...     init=lambda weights, state: state["h0"],
        ... )

    Attributes:
        name: What it is called on the command line.
        source: Citation.
        dims: What each axis is, in a few words, by its name; ``T`` is time. Left out, those that
            the arrays name.
        sizes: The smallest and largest size of each axis in generated cases; those left out go from
            1 to 8 (``T``) or to 5.
        weights: Axes of the weights; clips cover their gradients. A plain string is an array of
            reals, as ``"H V"``; see also ``tokens``, ``bits`` and their like.
        state: Axes of the initial state.
        inputs: Axes of everything else; what begins with ``T`` is read step by step.
        loss: JAX: (every array, by name) -> the loss, a number. Instead of a step; references are
            then compiled for a few shapes, without padding, and there is no truncation.
        init: JAX: (weights, state) -> the carry that enters the first step; the states themselves
            if it is left out.
        step: JAX: (weights, carry, this step's inputs) -> (carry, loss_t). The inputs hold the
            number of the step, from 0, as ``"t"``.
        final: JAX: (carry after the last step, inputs that are not read step by step) -> what it
            adds to the loss of the last step.
        gradients: The built-in candidate.
        truncated_gradients: The built-in candidate for truncated backpropagation, if there is one.
        fills: What an array is padded with, where it is not 0.
        unpadded: Axes that must not be padded; where there is no ``buckets``, all but ``T`` anyhow.
        buckets: The padded sizes for which references are compiled, smallest first. To give them is
            to say that padding with ``fills`` changes no gradient, which is tried on one case.
        has_kinks: Whether a derivative jumps somewhere, as that of relu does at 0. Which side a sum
            that cancels exactly comes to lie on is decided by rounding, and such a case is
            inconclusive; generated biases keep clear of most.
        limits: The largest size that an axis may have at all, where it is bounded.
        strict: Whether a primitive without a rounding rule is an error; otherwise it gets noise on
            its operands and its result, and a warning names it.

    Raises:
        UsageError: if there is no weight, no time, or not just one of ``step`` and ``loss``.
    """

    name: str
    source: str = ""
    dims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sizes: Sizes = field(default_factory=lambda: MappingProxyType({}))
    weights: Described
    state: Described = field(default_factory=lambda: MappingProxyType({}))
    inputs: Described
    loss: Callable[..., Any] | None = None
    init: Callable[..., Any] = lambda _weights, state: state
    step: Callable[..., Any] | None = None
    final: Callable[..., Any] | None = None
    gradients: Candidate = no_model
    truncated_gradients: Candidate | None = None
    fills: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    unpadded: frozenset[str] = frozenset()
    buckets: Sequence[Mapping[str, int]] = ()
    has_kinks: bool = False
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    strict: bool = False

    def __post_init__(self) -> None:
        for role in ("weights", "state", "inputs"):
            given = getattr(self, role).items()
            made = {name: reals(axes) if isinstance(axes, str) else axes for name, axes in given}
            object.__setattr__(self, role, MappingProxyType(made))
        axes = [axis for each in self.arrays.values() for axis in each.letters]
        problem = self._problem(axes)
        if problem:
            message = f"system: {self.name!r} {problem}"
            raise UsageError(message)
        found = sorted(set(axes) - set(self.dims), key=lambda axis: (axis != "T", axes.index(axis)))
        dims = {**self.dims, **{axis: MEANINGS.get(axis, axis) for axis in found}}
        sizes = {axis: self.sizes.get(axis, SIZES.get(axis, USUAL)) for axis in dims}
        object.__setattr__(self, "dims", MappingProxyType(dims))
        object.__setattr__(self, "sizes", MappingProxyType(sizes))
        if not self.buckets:
            padded = frozenset() if self.step is None else frozenset("T") - self.unpadded
            object.__setattr__(self, "unpadded", frozenset(dims) - padded)
            object.__setattr__(self, "buckets", ({axis: sizes[axis][1] for axis in padded},))

    def __repr__(self) -> str:
        return f"<System {self.name}: {', '.join(self.weights)}>"

    def _problem(self, axes: Sequence[str]) -> str:
        """Say what is wrong with how the system is described; "" if nothing is."""
        roles = [*self.weights, *self.state, *self.inputs]
        if (self.step is None) == (self.loss is None):
            return "must have either a step or a loss"
        if not self.weights:
            return "has no weights; name at least one array that is to be learnt"
        if len(set(roles)) < len(roles):
            twice = sorted({name for name in roles if roles.count(name) > 1})
            return f"has {', '.join(twice)} in more than one of weights, state and inputs"
        if "T" not in axes or not any(each.is_scanned for each in self.inputs.values()):
            return "has no input that is read step by step: the first axis of one must be T, time"
        if unknown := (set(self.sizes) | set(self.fills)) - set(axes) - set(roles):
            return f"gives sizes or fills for {', '.join(sorted(unknown))}, which it does not have"
        return ""

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

    @property
    def splits(self) -> bool:
        """Whether gradients can be split into what comes from the loss of each single step."""
        return self.step is not None and bool(self.linear)

    @cached_property
    def with_lengths(self) -> "System":
        """The same system for batches of sequences that have lengths (B) of their own.

        Raises:
            UsageError: if it has no batches.
        """
        if "B" not in self.dims or self.step is None:
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
            arrays={n: self.entries(n, made[n], dims, np.dtype(dtype)) for n in made},
            dtype=np.dtype(dtype),
            clip=Clip.parse(clip),
            truncation=Truncation.parse(truncate),
            origin=self,
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

    def entries(
        self, name: str, array: Array, dims: Mapping[str, int], dtype: np.dtype[Any]
    ) -> Array:
        """Return an array in the dtype of its kind.

        Raises:
            UsageError: if an entry is outside the values that the array may hold.
        """
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
        if array.dtype.kind not in "iufb" or not np.all(np.isfinite(_cast(array, dtype))):
            message = f"arrays: {name} must hold finite real numbers, of {dtype}; it is {array!r}"
            raise UsageError(message)
        least, most = RANGES.get(axes.values, (-np.inf, np.inf))
        if array.min() < least or array.max() > most:
            message = f"arrays: {name} must hold numbers from {least} to {most}; it is {array!r}"
            raise UsageError(message)
        if axes.values == "strictly lower" and np.any(np.triu(array)):
            message = f"arrays: {name} must be zero on and above its diagonal; it is {array!r}"
            raise UsageError(message)
        return _cast(array, dtype)


def _cast(array: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore"):
        return array.astype(dtype)
