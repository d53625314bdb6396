"""Questions: what a candidate is asked in one case under one clip, and what would be right."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from rnnverify.calling import call
from rnnverify.comparing import UNDERFLOW, compare, conclusive
from rnnverify.evaluation import Evaluation, Intervals, evaluate
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.rounding.noise import LEVEL
from rnnverify.systems import System
from rnnverify.terms import Terms
from rnnverify.thresholds import resolve
from rnnverify.verdicts import Comparison

Got = Mapping[str, Array]
FAR = 8.0
"""Where few samples leave tolerances so many times below every threshold that matters, more of them
will, too: samples differ by less than that even where rounding is amplified."""
SMALL = 0.25
"""An error up to this share of a tolerance of few samples need not be held against all: what
reports tell of larger ones does not hang on how few there were."""
NOTHING: Got = MappingProxyType({})


@dataclass(frozen=True)
class Question:
    """A case under a clip with a number, its raw and its clipped gradients.

    Attributes:
        evaluation: The reference, which may still be at work.
        case: The case as the candidate sees it.
        terms: What the candidate is held to.
        factor: What the reference's gradients are multiplied by before they are clipped.
        clipped: Returns what each gradient should be; None where there is no clip.
        place: Its place among the questions of the case.
        later: Returns those once more, from all samples of the noise.
    """

    evaluation: Evaluation
    case: Case
    terms: Terms
    factor: float
    clipped: Callable[[], Intervals] | None = field(default=None, repr=False)
    place: int = field(default=0, repr=False)
    later: "Callable[[], Sequence[Question]]" = field(default=tuple, repr=False)

    @cached_property
    def raw(self) -> Intervals:
        """What each gradient and the loss should be without the clip."""
        return self.evaluation.scaled(self.factor)

    @cached_property
    def wanted(self) -> Intervals:
        """What each gradient should be."""
        return self.raw if self.clipped is None else self.clipped()

    @property
    def system(self) -> System:
        """The case's system."""
        return self.evaluation.system

    @property
    def unit(self) -> float:
        """The unit roundoff for which tolerances are made."""
        return self.evaluation.unit

    @cached_property
    def covered(self) -> tuple[str, ...]:
        """The arrays whose gradients are clipped."""
        return covered_by(self.case.clip, self.system, self.terms)

    @cached_property
    def required(self) -> list[str]:
        """The arrays whose gradients must be returned.

        Those of weights that are held at a value may be left out, but for a norm over all.
        """
        if self.terms.gradients is not None:
            return list(self.terms.gradients)
        needed = self.covered if self.case.clip.kind == "global-norm" else ()
        return [n for n in self.system.weights if n not in self.case.fixed or n in needed]

    @property
    def answerable(self) -> tuple[str, ...]:
        """The arrays whose gradients are compared, if they are returned."""
        return self.terms.gradients or self.system.leaves

    @cached_property
    def clip_active(self) -> bool:
        """Whether the clip changes any gradient."""
        return self.case.clip.kind != "none" and any(
            np.any(self.raw[n].want != self.wanted[n].want) for n in self.covered
        )

    @cached_property
    def conclusive(self) -> bool:
        """Whether rounding leaves something of every gradient, before and after the clip."""
        return self.is_clear or self._leaves_something(1.0)

    @cached_property
    def is_clear(self) -> bool:
        """Whether a case would be conclusive still if rounding were far larger than it seems."""
        return self._leaves_something(FAR)

    def is_settled_by(self, comparisons: Sequence[Comparison]) -> bool:
        """Whether more samples of the noise would leave the verdict as it is."""
        if self.evaluation.is_whole:
            return True
        if self.terms.digits is not None or any(each.kind != "match" for each in comparisons):
            return False
        if any(each.worst > SMALL for each in comparisons):
            return False
        wanted = [self.wanted[each.gradient] for each in comparisons]
        enough = np.sqrt(self.unit)
        near = any(each.blur <= enough * each.size < FAR * each.blur for each in wanted)
        return self.is_clear and not near

    @property
    def whole(self) -> "Question":
        """The same question, tolerances being made from all samples."""
        return self if self.evaluation.is_whole else self.later()[self.place]

    def _leaves_something(self, far: float) -> bool:
        """Whether so many times the tolerances leave something of every gradient.

        Of one that is zero, an error shows if rounding is small beside the weights of the losses,
        in which gradients are linear, and would not be made long by a clip.
        """
        arrays = [self.raw[name] for name in self.system.leaves]
        weights = max([np.abs(self.case[n]).max() for n in self.system.linear], default=1.0)
        visible = np.sqrt(self.unit) * max(weights, UNDERFLOW[self.case.dtype])
        visible = min(visible, self.case.clip.threshold or visible)
        if any(each.size == 0 and not far * each.blur <= visible for each in arrays):
            return False
        if self.case.clip.kind != "none":
            arrays += [self.wanted[n] for n in self.covered]
        return conclusive([each for each in arrays if each.size > 0], self.case.dtype, far)

    @property
    def overflows(self) -> bool:
        """Whether correct code may overflow here: as the reference does, or squaring for a norm."""
        largest = float(np.finfo(self.case.dtype).max)
        if self.case.clip.kind in ("norm", "global-norm"):
            with np.errstate(over="ignore"):
                squares = sum(float(np.sum(self.raw[n].want ** 2)) for n in self.covered)
            if not squares < largest:
                return True
        if not all(self.raw[n].size <= largest for n in self.system.leaves):
            return True
        return self.evaluation.overflows

    @property
    def optional(self) -> list[str]:
        """The arrays whose gradients may be returned besides."""
        return [name for name in self.answerable if name not in self.required]

    def ask(self, candidate: Candidate, moved: Got = NOTHING) -> tuple[Got, tuple[str, ...]]:
        """Return a candidate's gradients (and loss), and notes about what is odd.

        Args:
            candidate: What is asked.
            moved: By how much arrays are to differ from the case's.

        Raises:
            InvalidGradientsError: see ``call``.
        """
        case = self.case
        if moved:
            arrays = {name: (case[name] + by).astype(case.dtype) for name, by in moved.items()}
            case = case.with_arrays(arrays)
        return call(candidate, case, self.required, self.optional, self.terms)

    def compare(self, got: Got) -> tuple[Comparison, ...]:
        """Compare each gradient that was returned with what it should be."""
        return tuple(
            self._enough(
                compare(
                    name,
                    got[name],
                    self.wanted[name],
                    unit=self.unit,
                    says_little=not self.conclusive or self._all_cut(name),
                ),
                got[name],
            )
            for name in self.system.leaves
            if name in got
        )

    def times(self, ratio: float) -> "Question":
        """Return the question whose answer is that of code which multiplies by a ratio first."""
        return self._of(self.evaluation, self.factor * ratio)

    def loss_is_right(self, loss: float) -> bool:
        """Whether a loss is the reference's, or that times the scale which is wanted."""
        judge = self.coarse or self
        plain = judge.raw["loss"].scaled(1 / self.terms.scale.of(self.case.dims))
        return any(
            abs(loss - each.want) <= max(each.blur, np.sqrt(judge.unit) * each.size)
            for each in (plain, judge.raw["loss"])
        )

    def _all_cut(self, name: str) -> bool:
        """Whether a clip by value cuts every nonzero entry, so that only signs are left."""
        clip = self.case.clip
        if clip.kind != "value" or name not in self.covered:
            return False
        magnitudes = np.abs(self.raw[name].want)
        return bool(np.all((magnitudes > clip.threshold) | (magnitudes == 0)))

    @cached_property
    def coarse(self) -> "Question | None":
        """The same question to code that computes to as many digits only as are enough."""
        digits = self.terms.digits
        if digits is None:
            return None
        evaluation = evaluate(self.system, self.evaluation.case, 10.0**-digits / LEVEL)
        return self._of(evaluation, self.factor)

    def _of(self, evaluation: Evaluation, factor: float) -> "Question":
        """Return the question that another evaluation, or factor, makes of it."""
        clipped = None
        if self.case.clip.kind != "none":
            (clipped,) = evaluation.under([self.case.clip], [factor], self.covered)
        return replace(self, evaluation=evaluation, factor=factor, clipped=clipped)

    def _enough(self, comparison: Comparison, got: Array) -> Comparison:
        """Let a gradient match that agrees to as many digits as are declared to be enough.

        It need not, where the case amplifies an error of that size further.
        """
        digits, coarse = self.terms.digits, self.coarse
        if coarse is None or digits is None or comparison.kind not in ("inaccurate", "wrong"):
            return comparison
        name = comparison.gradient
        if comparison.agree >= digits:
            return replace(comparison, kind="match", tolerated=True)
        want, little = coarse.wanted[name], not coarse.conclusive
        again = compare(name, got, want, unit=coarse.unit, says_little=little)
        known = comparison.conclusive and again.conclusive
        if again.kind != "match":
            return replace(again, kind=comparison.kind, conclusive=known)
        return replace(comparison, kind="match", tolerated=True, conclusive=known)


def covered_by(clip: Clip, system: System, terms: Terms) -> tuple[str, ...]:
    """Return the arrays that a clip covers: those it names, or the weights that are declared."""
    if clip.over is not None:
        return clip.over
    declared = system.leaves if terms.gradients is None else terms.gradients
    return tuple(name for name in system.weights if name in declared) or tuple(system.weights)


def questions(clips: Sequence[Clip], evaluation: Evaluation, terms: Terms) -> Iterator[Question]:
    """Resolve the clips' thresholds, and give what is asked under each, one after the other.

    The reference is not waited for before there is a clip, so that a candidate can be asked while
    it is at work.
    """
    case, system = evaluation.case, evaluation.system
    over = covered_by(clips[0], system, terms)
    scale = terms.scale.of(case.dims)

    later = cache(lambda: list(questions(clips, evaluation.whole, terms)))
    resolved = cache(lambda: _resolved(clips, evaluation, over, scale))
    for place, clip in enumerate(clips):
        of_clip = _Resolved(clip, 1.0, None) if clip.kind == "none" else resolved()[place]
        times = of_clip.factor
        scaled = {name: case[name] * times for name in system.linear if times != 1}
        arrays = {**case.arrays, **scaled}
        seen = case.replace(clip=of_clip.clip, beyond=0.0, arrays=arrays)  # all is settled by now
        yield Question(evaluation, seen, terms, scale * times, of_clip.clipped, place, later)


class _Resolved(NamedTuple):
    """A clip with a number; what multiplies the loss weights; and what should come of it."""

    clip: Clip
    factor: float
    clipped: Callable[[], Intervals] | None


def _resolved(
    clips: Sequence[Clip], evaluation: Evaluation, over: tuple[str, ...], scale: float
) -> dict[int, _Resolved]:
    """Resolve what is to be clipped, by its place, once the reference is done."""
    case, system = evaluation.case, evaluation.system
    raw = {name: evaluation.raw[name].want * scale for name in over}
    adjustable = case.fixed.isdisjoint(system.linear) and bool(system.linear)
    found = {
        place: resolve(clip, case, raw, adjustable=adjustable)
        for place, clip in enumerate(clips)
        if clip.kind != "none"
    }
    numbered, factors = zip(*found.values(), strict=True)
    clipped = evaluation.under(numbered, [scale * factor for factor in factors], over)
    return dict(zip(found, map(_Resolved, numbered, factors, clipped), strict=True))
