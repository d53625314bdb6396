"""Results: what is found out about many cases, and of the smallest that fails."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType
from typing import Any, Literal, Self

from rnnverify.records import Array, InputKind
from rnnverify.verdicts import MISMATCHES, Verdict, VerdictKind


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Detail:
    """One gradient over all cases of a run, as pictures show it.

    Attributes:
        errors: The largest error in tolerances at each place, over cases that are not inconclusive;
            as large as the largest case along each axis, NaN where no case reached.
        digits: The decimal digits available, and those that agree, of each conclusive case.
        steps: The error in tolerances where only the loss of one step counts, for each step of one
            case: the smallest that fails, or else the longest that was kept. Empty where losses
            cannot be told apart; NaN where a step's is inconclusive.
        axes: The names of the array's axes.
    """

    errors: Array | None
    digits: tuple[tuple[float, float], ...]
    steps: tuple[float, ...] = ()
    axes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a candidate is defined.

    Attributes:
        file: Its file; from the current directory on, if it is in there.
        line: The number of its first line.
    """

    file: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Something that is worse than a baseline says.

    Attributes:
        check: What was checked, as the baseline calls it.
        kind: ``verdict``, ``inconclusive``, ``accuracy``, ``digits``, ``conclusive``, ``regime``,
            ``clip``, ``cases``, ``mutants``, ``speed``, ``missing`` (no longer checked) or
            ``corpus`` (a case that was kept fails).
        text: The same in a sentence.
        place: Where the candidate is defined.
    """

    check: str
    kind: str
    text: str
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Which side of a candidate is at fault, where its gradients are not the reference's.

    Attributes:
        side: ``backward`` where its gradients are not those of its own loss; ``forward`` where they
            are, but its loss is another; ``unknown`` where it cannot be told.
        text: The same in a sentence, with what it is known from.
    """

    side: Literal["backward", "forward", "unknown"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """Lines of one of our sources, and what somebody's code behaves like instead.

    Attributes:
        equation: The equation that they stand for.
        file: The file, from the package on.
        line: The number of the first line.
        expected: The lines as they stand.
        instead: The lines that it behaves like.
    """

    equation: str
    file: str
    line: int
    expected: str
    instead: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a wrong gradient behaves like.

    Attributes:
        kind: ``mutant``, a known bug; ``mutants``, two of them; ``relation``, a simple relation to
            the right gradients; ``steps``, contributions of single steps that are missing or too
            many; ``condition``, cases in which all is right.
        name: The mutant's name, or the relation's.
        text: The same in a sentence.
        confirmed_on: In how many further cases it explains what is wrong.
        confidence: How sure it is, in words.
        changes: The lines concerned, for known bugs.
    """

    kind: Literal["mutant", "mutants", "relation", "steps", "condition"]
    name: str
    text: str
    confirmed_on: int
    confidence: str
    changes: tuple[Change, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The diagnosis in words, and the lines concerned as a compiler would show them."""
        shown = [line for change in self.changes for line in _shown(change)]
        return (self.text, *shown, f"({self.confidence})")


def _shown(change: Change) -> list[str]:
    expected, instead = (each.splitlines() for each in _aligned(change))
    width = max(len(line) for line in (*expected, *instead))
    margin = " " * len(str(change.line + len(expected) - 1))
    numbered = enumerate(expected, change.line)
    lines = [f"{i:>{len(margin)}} | {line:<{width}}    expected" for i, line in numbered]
    lines += [f"{margin} | {line:<{width}}    yours behaves like this" for line in instead]
    return [
        f"  {change.equation}",
        f"  {margin}--> {change.file}:{change.line}",
        *(f"  {line}" for line in lines),
    ]


def _aligned(change: Change) -> tuple[str, str]:
    """Return both texts with the indentation taken off that all their lines have in common."""
    both = textwrap.dedent(f"{change.expected}\n{change.instead}").split("\n")
    n = len(change.expected.split("\n"))
    return "\n".join(both[:n]), "\n".join(both[n:])


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
        fault: Which side of the candidate is at fault.
        diagnosis: What it behaves like.
        since: From which step on, backwards, gradients differ.
        saved: The file that the case was saved in.
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
    fault: Fault | None = None
    diagnosis: Diagnosis | None = None
    since: str = ""
    saved: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is known of why it fails, in lines."""
        diagnosed = self.diagnosis.lines if self.diagnosis else ()
        at_fault = (self.fault.text,) if self.fault else ()
        return (*((self.since,) if self.since else ()), *diagnosed, *at_fault)

    @classmethod
    def of(
        cls, verdict: Verdict, replay: str, *, step: int | None = None, remark: str = ""
    ) -> Self:
        """Return what is to be told of a failing case.

        Args:
            verdict: A verdict that is not ok, under a clip with a number.
            replay: The command that shows the failure again.
            step: The first step whose loss alone shows it.
            remark: What else is to be said.
        """
        worst = verdict.worst
        when = "" if step is None else f" (the loss of step {step} alone shows it)"
        return cls(
            verdict=verdict,
            gradient=None if worst is None else worst.gradient,
            gradients=tuple(each.gradient for each in verdict.comparisons if each.kind != "match"),
            index=None if worst is None else worst.index,
            step=step,
            got=None if worst is None else worst.got,
            want=None if worst is None else worst.want,
            tolerance=None if worst is None else worst.tolerance,
            message=f"{verdict.text}{when}{remark}",
            replay=replay,
        )


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
        options: What was asked for besides: gradients, scale, dims, fixed, clip_over, digits.
        hygiene: What was found out about how the candidate behaves, by the check's name: ``ok``,
            ``not checked``, or what is wrong.
        hints: What could be declared, for the candidate to match.
        scaled_by: The constant factor over all gradients, where that is all that is wrong.
        first_failed: The number of the first case that failed, from 1; None where none did.
        failure: The smallest failing case; None where nothing failed.
        place: Where the candidate is defined; None where that cannot be told.
        details: What pictures show, for each gradient; empty unless it was asked for.
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
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    hygiene: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hints: tuple[str, ...] = ()
    scaled_by: str | None = None
    first_failed: int | None = None
    failure: Failure | None = None
    place: Place | None = None
    details: Mapping[str, Detail] = field(
        default_factory=lambda: MappingProxyType({}), repr=False, compare=False
    )

    @property
    def ok(self) -> bool:
        """Whether every gradient matched, and enough was conclusive to say so."""
        return self.verdict == "match"

    def raise_for_mismatch(self) -> None:
        """Do nothing if every gradient matched.

        Raises:
            MismatchError: else, with the report in words, of a class for each kind of verdict.
        """
        __tracebackhide__ = True
        if not self.ok:
            raise MISMATCHES[self.verdict](str(self), report=self)

    @property
    def lines(self) -> tuple[str, ...]:
        """The report in words."""
        return (
            self._headline,
            *_told(self.failure),
            *self._weakness,
            *(f"hint: {hint}" for hint in self.hints),
            *(f"note: {note}" for note in self.notes),
            *((f"replay: {self.failure.replay}",) if self.failure else ()),
        )

    @property
    def _headline(self) -> str:
        said = "".join(f", {name}={value}" for name, value in self.options.items())
        counted = ", ".join(f"{n} {kind}" for kind, n in self.counts.items())
        return (
            f"{self.verdict.upper()}  {self.system}  {self.candidate}, {self.dtype}, "
            f"clip {self.clip}{said}; {self.cases} case{'s' * (self.cases != 1)}: {counted}"
        )

    @property
    def _weakness(self) -> tuple[str, ...]:
        if self.verdict != "inconclusive":
            return ()
        return (f"conclusive in too few cases: {', '.join(self.weak) or 'all'}",)

    def __str__(self) -> str:
        return "\n  ".join(self.lines)

    def __repr__(self) -> str:
        return f"<Report: {self}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>d{escape(name)}</td><td>{_figure(each.worst)}</td>"
            f"<td>{_figure(each.agree)} of {_figure(each.digits)}</td>"
            f"<td>{each.conclusive} of {each.nonzero}</td><td>{each.differ}</td></tr>"
            for name, each in self.gradients.items()
        )
        return (
            f"<pre>{escape(str(self))}</pre><table><thead><tr><th>gradient</th>"
            "<th>worst error in tolerances</th><th>digits that agree</th>"
            "<th>conclusive</th><th>cases that differ</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def _told(failure: Failure | None) -> tuple[str, ...]:
    if failure is None:
        return ()
    return (failure.message, *failure.reasons)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
