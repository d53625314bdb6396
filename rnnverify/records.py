"""What travels along the line: a Case goes in, a Verdict and then a Report come out.

Immutable records, which know nothing about how they are made or shown.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray

from rnnverify.errors import UsageError

Array = NDArray[Any]
ClipKind = Literal["none", "value", "norm", "global-norm"]
InputKind = Literal["generated", "text", "additions"]

CLIP_KINDS: tuple[ClipKind, ...] = get_args(ClipKind)

DTYPES = ("float64", "float32")
SHOWN = 100
"""A case with more entries than this is shown without them."""


@dataclass(frozen=True)
class Clip:
    """How gradients are clipped before the optimiser sees them.

    A clip that has a kind but no threshold gets one from each case, as a quantile of the
    case's own gradients; the candidate always sees the number.

    Attributes:
        kind: ``"none"``; ``"value"`` cuts each entry to ``[-threshold, threshold]``; ``"norm"``
            scales each gradient down to that L2 norm; ``"global-norm"`` scales all of them
            together (Pascanu et al. 2013, https://arxiv.org/abs/1211.5063).
        threshold: Positive and finite; None for ``"none"``, and until one is drawn.
        over: The arrays whose gradients it covers; None for the weights.

    Raises:
        UsageError: if the kind is unknown, or the threshold is not positive and finite.
    """

    kind: ClipKind = "none"
    threshold: float | None = None
    over: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in CLIP_KINDS:
            message = f"clip: unknown kind {self.kind!r}; known are {', '.join(CLIP_KINDS)}"
            raise UsageError(message)
        if self.threshold is None:
            return
        if self.kind == "none":
            message = f"clip: 'none' takes no threshold, but got {self.threshold!r}"
            raise UsageError(message)
        object.__setattr__(self, "threshold", float(self.threshold))
        if not 0 < self.threshold < np.inf:
            message = (
                f"clip: the threshold of {self.kind!r} is {self.threshold!r}, "
                "but must be positive and finite; leave it out to have it drawn from each case"
            )
            raise UsageError(message)

    @classmethod
    def parse(cls, text: "str | Clip") -> "Clip":
        """Read a clip as people write it: ``none``, ``value:5``, ``norm``, ``global-norm:1``.

        Raises:
            UsageError: if ``text`` is not of that form.
        """
        if isinstance(text, Clip):
            return text
        kind, colon, number = text.partition(":")
        if kind not in CLIP_KINDS:
            message = (
                f"clip: unknown {text!r}; write none, value:5, norm:1 or global-norm:1, "
                "or a kind without a number to have thresholds drawn from each case"
            )
            raise UsageError(message)
        if not colon:
            return cls(kind)
        try:
            return cls(kind, float(number))
        except ValueError as error:
            if isinstance(error, UsageError):
                raise
            message = f"clip: {number!r} in {text!r} is not a number; write {kind}:5, say"
            raise UsageError(message) from None

    def replace(self, **changes: Any) -> "Clip":
        """Return a copy of the clip in which the named attributes are changed."""
        return replace(self, **changes)

    def covering(self, over: tuple[str, ...] | None) -> "Clip":
        """Return the clip over these arrays; as it is if that is None."""
        return self if over is None else self.replace(over=over)

    def __str__(self) -> str:
        if self.threshold is None:
            return self.kind
        short = f"{self.threshold:g}"
        return f"{self.kind}:{short if float(short) == self.threshold else repr(self.threshold)}"


@dataclass(frozen=True)
class Truncation:
    """How far back in time a step's loss is propagated.

    The loss of step t passes through the steps ``since[t]`` to t; the carry that enters step
    ``since[t]`` counts as a constant, but for the initial state, which enters step 0.

    Attributes:
        steps: How many steps, k. Without ``chunks``, ``since[t] = max(0, t-k+1)``: k = 1 stays
            within the step, k = T is the full gradient, and a loop such as
            ``range(max(0, t-b), t+1)`` is k = b+1.
        chunks: Whether the sequence is cut every k steps instead, as by a ``detach`` between
            chunks: ``since[t] = k·⌊t/k⌋``.

    Raises:
        UsageError: if ``steps`` is no whole number, or below 1.
    """

    steps: int
    chunks: bool = False

    def __post_init__(self) -> None:
        if int(self.steps) != self.steps or self.steps < 1:
            message = f"truncate: got {self.steps} steps, but must be a whole number, at least 1"
            raise UsageError(message)

    @classmethod
    def parse(cls, text: "str | int | Truncation | None") -> "Truncation | None":
        """Read a truncation as people write it: ``5``, or ``chunks:5``; None is none.

        Raises:
            UsageError: if ``text`` is not of that form.
        """
        if text is None or isinstance(text, Truncation):
            return text
        number = str(text).removeprefix("chunks:")
        if number.isdecimal():
            return cls(int(number), chunks=number != str(text))
        message = f"truncate: {text!r} is neither a number of steps, as 5 is, nor chunks:5, say"
        raise UsageError(message)

    def since(self, steps: int) -> Array:
        """Return the first step that the loss of each of so many steps passes through."""
        t = np.arange(steps)
        return t // self.steps * self.steps if self.chunks else np.maximum(0, t - self.steps + 1)

    def __str__(self) -> str:
        return f"chunks:{self.steps}" if self.chunks else str(self.steps)


@dataclass(frozen=True, eq=False, kw_only=True)
class Case(Mapping[str, Array]):
    """One input for gradient code: a Mapping from array names to arrays.

    Attributes:
        system: The name of the system that it is a case of.
        dims: The size of each named axis, such as ``{"T": 5, "V": 3, "H": 2}``.
        arrays: Weights, initial state, inputs, loss weights or cotangents, by name.
        dtype: ``float64`` or ``float32``, that of every real array.
        clip: The clip under which gradients are wanted.
        truncation: How far back losses are to be propagated; all the way if None.
        beyond: For a clip whose threshold is drawn from the case: the share of the gradients
            that it shall change. For a fixed threshold: whether the loss weights
            are scaled until every weight's gradient passes it (where above ½).
        regimes: Labels of how the case was made, such as ``"recurrent: orthogonal"``.
        fixed: The arrays that were not generated, but held at a value that was asked for.
        origin: The System that it is a case of.
    """

    system: str
    dims: Mapping[str, int]
    arrays: Mapping[str, Array]
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))
    clip: Clip = field(default_factory=Clip)
    truncation: Truncation | None = None
    beyond: float = 0.0
    regimes: tuple[str, ...] = ()
    fixed: frozenset[str] = frozenset()
    origin: Any = None

    @property
    def leaves(self) -> tuple[str, ...]:
        """The arrays that have a gradient: weights, then states and real inputs."""
        return tuple(self.origin.leaves) if self.origin is not None else ()

    def __repr__(self) -> str:
        dims = " ".join(f"{axis}={n}" for axis, n in self.dims.items())
        head = f"Case of {self.system}: {dims}, {self.dtype}, clip {self.clip}"
        if sum(array.size for array in self.values()) > SHOWN:
            return f"<{head}>"
        lines = "".join(f"\n  {name} = {array.tolist()}" for name, array in self.items())
        return f"<{head}{lines}>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        """Be shown by Hypothesis and in notebooks as by ``repr``."""
        printer.text(repr(self))

    def __getitem__(self, name: str) -> Array:
        try:
            return self.arrays[name]
        except KeyError:
            message = f"{name!r} is no array of {self.system}; those are {', '.join(self.arrays)}"
            raise KeyError(message) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def replace(self, **changes: Any) -> Self:
        """Return a copy of the case in which the named attributes are changed."""
        return replace(self, **changes)

    def with_arrays(self, arrays: Mapping[str, Array]) -> Self:
        """Return a copy of the case in which these arrays are changed."""
        return replace(self, arrays={**self.arrays, **arrays})


Gradients = Mapping[str, Array]
Candidate = Callable[[Case], Mapping[str, Any]]
"""Gradient code under test: takes a Case, returns gradients by array name, maybe a ``"loss"``."""


class Interval(NamedTuple):
    """What a result should be, and how far from it correct code may be, entry by entry.

    Attributes:
        want: The reference.
        tolerance: Of the same shape.
        size: The largest magnitude that is wanted.
        blur: The largest tolerance.
    """

    want: Array
    tolerance: Array
    size: float
    blur: float

    @classmethod
    def of(cls, want: Array, tolerance: Array) -> Self:
        """Return an interval, its size and its blur being found."""
        return cls(want, tolerance, float(np.abs(want).max()), float(tolerance.max()))

    def scaled(self, factor: float) -> "Interval":
        """Return the interval of a multiple."""
        want, tolerance, size, blur = self
        length = abs(factor)
        return Interval(want * factor, tolerance * length, size * length, blur * length)
