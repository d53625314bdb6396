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
VerdictKind = Literal["match", "inconclusive", "inaccurate", "wrong", "nonfinite", "invalid"]
ComparisonKind = Literal["match", "inaccurate", "wrong", "nonfinite"]
InputKind = Literal["generated", "text", "additions"]

CLIP_KINDS: tuple[ClipKind, ...] = get_args(ClipKind)
VERDICT_KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)
"""From the best to the worst."""

DTYPES = ("float64", "float32")


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

    Raises:
        UsageError: if the kind is unknown, or the threshold is not positive and finite.
    """

    kind: ClipKind = "none"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in CLIP_KINDS:
            message = f"clip: unknown kind {self.kind!r}; known are {', '.join(CLIP_KINDS)}"
            raise UsageError(message)
        if self.threshold is None:
            return
        if self.kind == "none":
            message = f"clip: 'none' takes no threshold, but got {self.threshold!r}"
            raise UsageError(message)
        if not 0 < self.threshold < np.inf:
            message = (
                f"clip: the threshold of {self.kind!r} is {self.threshold!r}, "
                "but must be positive and finite; leave it out to have it drawn from each case"
            )
            raise UsageError(message)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a clip as people write it: ``none``, ``value:5``, ``norm``, ``global-norm:1``.

        Raises:
            UsageError: if ``text`` is not of that form.
        """
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
    """

    system: str
    dims: Mapping[str, int]
    arrays: Mapping[str, Array]
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))
    clip: Clip = field(default_factory=Clip)
    truncation: Truncation | None = None
    beyond: float = 0.0
    regimes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

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
        """Return the interval of a positive multiple."""
        want, tolerance, size, blur = self
        return Interval(want * factor, tolerance * factor, size * factor, blur * factor)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One gradient of one case against the reference.

    Attributes:
        gradient: The array's name.
        kind: ``match``, ``inaccurate``, ``wrong`` or ``nonfinite``.
        worst: The largest error, in tolerances; inf where the gradient is not finite.
        index: Where that is.
        got: The candidate's entry there.
        want: The reference's entry there.
        tolerance: The tolerance there.
        digits: The decimal digits that the case lets anybody know.
        agree: The decimal digits that agree with the reference.
        conclusive: Whether this gradient could have failed, and to enough digits to say so.
        zero: Whether the gradient is identically zero.
    """

    gradient: str
    kind: ComparisonKind
    worst: float
    index: tuple[int, ...]
    got: float
    want: float
    tolerance: float
    digits: float
    agree: float
    conclusive: bool
    zero: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What ``check`` found out about one case.

    Attributes:
        kind: See ``VERDICT_KINDS``.
        case: The case as the candidate saw it, its clip's threshold resolved.
        comparisons: One for each gradient that the candidate returned.
        unchecked: The states' and inputs' gradients that it did not return.
        clip_active: Whether the clip changed the wanted gradients.
        notes: What is odd but no failure.
        message: Why the candidate is invalid, or the case inconclusive.
        traceback: The candidate's own traceback, where it raised.
    """

    kind: VerdictKind
    case: Case
    comparisons: tuple[Comparison, ...] = ()
    unchecked: tuple[str, ...] = ()
    clip_active: bool = False
    notes: tuple[str, ...] = ()
    message: str = ""
    traceback: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every gradient matched; an inconclusive case is not ok, but no failure either."""
        return self.kind == "match"

    @property
    def failed(self) -> bool:
        """Whether the candidate is not what it should be."""
        return self.kind not in ("match", "inconclusive")

    @property
    def zero(self) -> bool:
        """Whether every gradient is identically zero, and the candidate says so too."""
        return self.kind == "match" and all(each.zero for each in self.comparisons)


@dataclass(frozen=True, kw_only=True)
class GradientSummary:
    """One gradient over all cases of a run.

    Attributes:
        worst: The largest error, in tolerances, in cases that are not inconclusive; inf where
            something was not finite, None where there was nothing to judge.
        digits: Median of the decimal digits available, over conclusive cases.
        agree: Median of the decimal digits that agree, over conclusive cases.
        conclusive: In how many cases this gradient was conclusive.
        nonzero: In how many cases it was compared and is not identically zero.
        differ: In how many cases that are not inconclusive it differs from the reference.
    """

    worst: float | None
    digits: float | None
    agree: float | None
    conclusive: int
    nonzero: int
    differ: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The smallest case found in which a candidate fails.

    Attributes:
        verdict: What ``check`` says of that case.
        gradient: The gradient that is furthest off; None where the candidate is invalid.
        gradients: All gradients that differ.
        index: The entry of ``gradient`` that is furthest off.
        step: The first step whose loss, taken alone, has a wrong gradient; None where no
            single step's has.
        got: The candidate's entry there.
        want: The reference's entry there.
        tolerance: The tolerance there.
        message: The failure in a sentence.
        replay: The command line that shows it again.
    """

    verdict: Verdict
    gradient: str | None
    gradients: tuple[str, ...]
    index: tuple[int, ...] | None
    step: int | None
    got: float | None
    want: float | None
    tolerance: float | None
    message: str
    replay: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run of many cases found out, under one clip and in one dtype.

    Attributes:
        system: The system's name.
        candidate: What was verified: a name, or where it was loaded from.
        input: Where the sequences came from.
        clip: The clip as it was asked for.
        truncate: How far back losses were propagated, ``5`` or ``chunks:5``; None: all the way.
        lengths: Whether sequences had lengths of their own.
        dtype: ``float64`` or ``float32``.
        seed: The seed of the run; the same seed gives the same cases.
        cases: How many cases were run, of any verdict.
        verdict: The worst verdict; ``inconclusive`` where too little was conclusive.
        counts: How many cases had which verdict; ``zero`` where all gradients are zero.
        clip_active: In which fraction of the cases the clip changed a gradient.
        regimes: How many cases were made in which regime.
        gradients: A summary for each gradient.
        weak: Gradients that were conclusive in less than half of the cases where they are not zero.
        unchecked: Gradients that the candidate never returned.
        notes: What is odd but no failure.
        failure: The smallest failing case; None where nothing failed.
    """

    system: str
    candidate: str
    input: InputKind
    clip: str
    truncate: str | None = None
    lengths: bool = False
    dtype: str
    seed: int
    cases: int
    verdict: VerdictKind
    counts: Mapping[str, int]
    clip_active: float
    regimes: Mapping[str, int]
    gradients: Mapping[str, GradientSummary]
    weak: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether every gradient matched, and enough was conclusive to say so."""
        return self.verdict == "match"
