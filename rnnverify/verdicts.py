"""Verdicts: what is found out about one case."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from rnnverify.errors import (
    InaccurateGradientError,
    InconclusiveError,
    InvalidCandidateError,
    MismatchError,
    NondeterministicError,
    NonfiniteGradientError,
    ScaledGradientError,
    WrongGradientError,
)
from rnnverify.records import Array, Case

VerdictKind = Literal[
    "match",
    "inconclusive",
    "inaccurate",
    "scaled",
    "wrong",
    "nonfinite",
    "nondeterministic",
    "invalid",
]
ComparisonKind = Literal["match", "inaccurate", "wrong", "nonfinite"]

VERDICT_KINDS: tuple[VerdictKind, ...] = get_args(VerdictKind)
"""From the best to the worst."""


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
        tolerated: Whether it matches only because so many digits are declared to be enough.
        errors: The error of each entry, in tolerances.
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
    tolerated: bool = False
    errors: Array | None = field(default=None, repr=False, compare=False)


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
        traceback: The candidate's own traceback, where it raised or hung.
        ratio: Where it is ``scaled``: the factor over all gradients.
        vague: Whether a clip leaves no more of that factor than its sign.
        breach: The hygiene check that an invalid candidate fails, if it is one.
        hung: Whether a call took too long, after which the candidate is not to be called again.
    """

    kind: VerdictKind
    case: Case
    comparisons: tuple[Comparison, ...] = ()
    unchecked: tuple[str, ...] = ()
    clip_active: bool = False
    notes: tuple[str, ...] = ()
    message: str = ""
    traceback: str | None = None
    ratio: float | None = None
    vague: bool = False
    breach: str = ""
    hung: bool = False

    @property
    def ok(self) -> bool:
        """Whether every gradient matched; an inconclusive case is not ok, but no failure either."""
        return self.kind == "match"

    @property
    def failed(self) -> bool:
        """Whether the candidate is not what it should be."""
        return self.kind not in ("match", "inconclusive")

    @property
    def worst(self) -> Comparison | None:
        """The gradient that is furthest off; None where none differs."""
        differ = [each for each in self.comparisons if each.kind != "match"]
        if not differ:
            return None
        return max(differ, key=lambda each: (VERDICT_KINDS.index(each.kind), each.worst))

    @property
    def text(self) -> str:
        """What is wrong, in a sentence; "" where nothing is."""
        worst = self.worst
        if self.message or worst is None:
            return f"{self.case.system}: {self.message}" if self.message else ""
        where = ", ".join(map(str, worst.index))
        got, want = _distinct(worst.got, worst.want)
        return (
            f"{self.case.system}: d{worst.gradient}[{where}] = {got}, "
            f"but should be {want} ± {worst.tolerance:.2g}{self._factor}"
        )

    @property
    def _factor(self) -> str:
        """What is to be said of the factor over all gradients, if there is one."""
        if self.ratio is None:
            return ""
        if self.vague:
            sign = "negative " if self.ratio < 0 else ""
            return f"; all are off by one {sign}factor, of which the clip leaves no more to be seen"
        return f"; every gradient is {self.ratio:.6g} times what it should be"

    def raise_for_mismatch(self) -> None:
        """Do nothing if every gradient matched, or nothing can be told.

        Raises:
            MismatchError: else, of a class for each kind of verdict.
        """
        __tracebackhide__ = True
        if self.failed:
            trace = f"\n{self.traceback}" if self.traceback else ""
            message = f"{self.kind}: {self.text}{trace}"
            raise MISMATCHES[self.kind](message, verdict=self)

    @property
    def zero(self) -> bool:
        """Whether every gradient is identically zero, and the candidate says so too."""
        return self.kind == "match" and all(each.zero for each in self.comparisons)


MISMATCHES: Mapping[VerdictKind, type[MismatchError]] = {
    "inconclusive": InconclusiveError,
    "inaccurate": InaccurateGradientError,
    "scaled": ScaledGradientError,
    "wrong": WrongGradientError,
    "nonfinite": NonfiniteGradientError,
    "nondeterministic": NondeterministicError,
    "invalid": InvalidCandidateError,
}


def _distinct(a: float, b: float) -> tuple[str, str]:
    """Print two numbers with as many digits as it takes to tell them apart, and some more."""
    for digits in range(6, 18):
        texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if f"{a:.{digits - 2}g}" != f"{b:.{digits - 2}g}":
            return texts
    return f"{a!r}", f"{b!r}"
