"""Systems: a recurrent model with its loss, as named axes, a JAX step, and a NumPy candidate.

The registry at the end holds the built-in ones.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from rnnverify.errors import UsageError
from rnnverify.models import binary_adder, char_rnn
from rnnverify.records import DTYPES, Array, Candidate, Case, Clip
from rnnverify.references import binary_adder as binary_adder_reference
from rnnverify.references import char_rnn as char_rnn_reference

Values = Literal["reals", "tokens", "bits", "loss weights"]


@dataclass(frozen=True)
class Axes:
    """The named axes of an array, and what its entries are.

    Attributes:
        names: One name an axis, such as ``("H", "V")``.
        values: ``reals``; ``tokens``, integers from 0 to below the size of axis ``below``;
            ``bits``, 0.0 or 1.0; ``loss weights``, reals in which the loss is linear.
        below: The axis that bounds tokens.
    """

    names: tuple[str, ...]
    values: Values = "reals"
    below: str | None = None

    def __str__(self) -> str:
        return " ".join(self.names)

    def shape(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape that an array with these axes has under ``dims``."""
        return tuple(dims[name] for name in self.names)


def reals(names: str) -> Axes:
    """Return the axes of an array of reals, such as ``reals("H V")``."""
    return Axes(tuple(names.split()))


def tokens(names: str, *, below: str) -> Axes:
    """Return the axes of an array of token ids, all below the size of the axis ``below``."""
    return Axes(tuple(names.split()), "tokens", below)


def bits(names: str) -> Axes:
    """Return the axes of an array of zeros and ones."""
    return Axes(tuple(names.split()), "bits")


def loss_weights(names: str) -> Axes:
    """Return the axes of the weights of the steps' losses."""
    return Axes(tuple(names.split()), "loss weights")


@dataclass(frozen=True, eq=False, kw_only=True)
class System:
    """A recurrent model with its loss L = Σ_t w_t · loss_t.

    Attributes:
        name: What it is called on the command line.
        source: Citation.
        dims: What each axis is, in a few words, by its name; ``T`` is time.
        sizes: The smallest and largest size of each axis in generated cases.
        weights: Axes of the weights; clips cover their gradients.
        state: Axes of the initial state.
        inputs: Axes of everything else; each begins with ``T`` and is read step by step.
        init: JAX: (weights, state) -> the carry that enters the first step.
        step: JAX: (weights, carry, this step's inputs) -> (carry, loss_t).
        gradients: The built-in candidate.
        fills: What an array is padded with, where it is not 0.
        unpadded: Axes that must not be padded.
    """

    name: str
    source: str
    dims: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]
    weights: Mapping[str, Axes]
    state: Mapping[str, Axes]
    inputs: Mapping[str, Axes]
    init: Callable[..., Any]
    step: Callable[..., Any]
    gradients: Candidate
    fills: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    unpadded: frozenset[str] = frozenset()

    @property
    def arrays(self) -> dict[str, Axes]:
        """The axes of every array of a case, by name."""
        return {**self.weights, **self.state, **self.inputs}

    @property
    def leaves(self) -> tuple[str, ...]:
        """The arrays that have a gradient: the weights, then the states."""
        return (*self.weights, *self.state)

    @property
    def loss_weights(self) -> tuple[str, ...]:
        """The inputs in which the loss is linear."""
        return tuple(n for n, axes in self.inputs.items() if axes.values == "loss weights")

    def case(
        self, arrays: Mapping[str, Any], *, dtype: str = "float64", clip: Clip | None = None
    ) -> Case:
        """Make a case out of arrays of one's own.

        Args:
            arrays: Every array of the system, by name; shapes say how large the axes are.
            dtype: ``float64`` or ``float32``; real arrays are rounded to it.
            clip: Defaults to none.

        Returns:
            A case that can be handed to ``check``.

        Raises:
            UsageError: if an array is missing, unknown, misshapen or outside its values.
        """
        if dtype not in DTYPES:
            message = f"dtype: unknown {dtype!r}; known are {', '.join(DTYPES)}"
            raise UsageError(message)
        known = self.arrays
        if set(arrays) != set(known):
            message = (
                f"arrays: {self.name} has {', '.join(known)}; "
                f"missing: {', '.join(sorted(set(known) - set(arrays))) or 'none'}; "
                f"unknown: {', '.join(sorted(set(arrays) - set(known))) or 'none'}"
            )
            raise UsageError(message)
        dims: dict[str, int] = {}
        made = {n: self._array(n, arrays[n], dims, np.dtype(dtype)) for n in known}
        for name, axes in known.items():
            if axes.below is not None and not np.all(made[name] < dims[axes.below]):
                message = (
                    f"arrays: {name} holds the token {made[name].max()}, "
                    f"but {axes.below} is {dims[axes.below]}"
                )
                raise UsageError(message)
        ordered = {axis: dims[axis] for axis in self.dims}
        return Case(
            system=self.name,
            dims=ordered,
            arrays=made,
            dtype=np.dtype(dtype),
            clip=clip or Clip(),
        )

    def _array(self, name: str, value: Any, dims: dict[str, int], dtype: np.dtype[Any]) -> Array:
        axes = self.arrays[name]
        array = np.asarray(value)
        known = tuple(dims.get(axis, "any") for axis in axes.names)
        if array.ndim != len(axes.names) or any(
            size < 1 or dims.setdefault(axis, size) != size
            for axis, size in zip(axes.names, array.shape, strict=True)
        ):
            message = (
                f"arrays: {name} has the shape {array.shape}, but its axes are ({axes}), of the "
                f"sizes ({', '.join(map(str, known))}), at least 1 each"
            )
            raise UsageError(message)
        if axes.values == "tokens":
            if array.dtype.kind not in "iu" or array.min() < 0:
                message = f"arrays: {name} must hold token ids, integers from 0; it is {array!r}"
                raise UsageError(message)
            return array.astype(np.int64)
        if array.dtype.kind not in "iufb" or not np.all(np.isfinite(array)):
            message = f"arrays: {name} must hold finite real numbers; it is {array!r}"
            raise UsageError(message)
        return array.astype(dtype)


CHAR_RNN = System(
    name="char_rnn",
    source="Karpathy, min-char-rnn, https://gist.github.com/karpathy/d4dee566867f8291f086",
    dims={"T": "time steps", "V": "vocabulary", "H": "hidden units"},
    sizes={"T": (1, 16), "V": (1, 16), "H": (1, 16)},
    weights={
        "Wxh": reals("H V"),
        "Whh": reals("H H"),
        "Why": reals("V H"),
        "bh": reals("H"),
        "by": reals("V"),
    },
    state={"h0": reals("H")},
    inputs={
        "inputs": tokens("T", below="V"),
        "targets": tokens("T", below="V"),
        "loss_weights": loss_weights("T"),
    },
    init=char_rnn_reference.init,
    step=char_rnn_reference.step,
    gradients=char_rnn.gradients,
    fills={"by": -1e30},
)

BINARY_ADDER = System(
    name="binary_adder",
    source="Trask 2015, https://iamtrask.github.io/2015/11/15/anyone-can-code-lstm/",
    dims={"T": "time steps", "D": "input bits", "H": "hidden units", "K": "output bits"},
    sizes={"T": (1, 16), "D": (2, 2), "H": (1, 16), "K": (1, 1)},
    weights={"S0": reals("D H"), "Sh": reals("H H"), "S1": reals("H K")},
    state={"l1_init": reals("H")},
    inputs={"x": bits("T D"), "y": bits("T K"), "loss_weights": loss_weights("T")},
    init=binary_adder_reference.init,
    step=binary_adder_reference.step,
    gradients=binary_adder.gradients,
    unpadded=frozenset("DK"),
)

SYSTEMS: Mapping[str, System] = MappingProxyType(
    {system.name: system for system in (CHAR_RNN, BINARY_ADDER)}
)
"""The built-in systems, by name."""


def find_system(name: str | System) -> System:
    """Return the built-in system of that name, or that is given.

    Raises:
        UsageError: if there is none.
    """
    if isinstance(name, System):
        if SYSTEMS.get(name.name) is not name:
            message = f"system: {name.name!r} is not built in; those are {', '.join(SYSTEMS)}"
            raise UsageError(message)
        return name
    if name in SYSTEMS:
        return SYSTEMS[name]
    near = difflib.get_close_matches(name, SYSTEMS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    message = f"system: unknown {name!r}{hint} known are {', '.join(SYSTEMS)}"
    raise UsageError(message)
