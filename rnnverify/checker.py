"""check: one case, one candidate, one verdict.

Evaluate the reference, resolve the clip's threshold, call the candidate, compare. It runs at every
step of shrinking, so it never diagnoses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.calling import call
from rnnverify.comparing import UNDERFLOW, compare, conclusive
from rnnverify.errors import InvalidGradientsError
from rnnverify.evaluation import Evaluation, Intervals, evaluate
from rnnverify.records import (
    VERDICT_KINDS,
    Array,
    Candidate,
    Case,
    Clip,
    Comparison,
    Verdict,
    VerdictKind,
)
from rnnverify.systems import System
from rnnverify.thresholds import resolve


def check(case: Case, candidate: Candidate) -> Verdict:
    """Check every gradient of one case against the reference.

    Args:
        case: Made by ``System.case``, or drawn by ``rnnverify.cases``.
        candidate: Takes a Case, returns a mapping from array names to gradients, clipped as
            ``case.clip`` says; see the README's section on candidates.

    Returns:
        The verdict, with a comparison for each gradient that the candidate returned.

    Raises:
        UsageError: if the case's system is unknown, or the case both has lengths and is to be
            truncated.
    """
    (verdict,) = check_under([case.clip], case, candidate)
    return verdict


def check_under(clips: Sequence[Clip], case: Case, candidate: Candidate) -> list[Verdict]:
    """Check a case once under each clip, from one evaluation of the reference."""
    evaluation = evaluate(system_of(case), case)
    return [_judge(question, candidate) for question in _questions(clips, evaluation)]


@dataclass(frozen=True)
class _Question:
    """What a candidate is asked, and the answer: a case, its raw and its clipped gradients."""

    evaluation: Evaluation
    case: Case
    raw: Intervals
    wanted: Intervals

    @property
    def system(self) -> System:
        return self.evaluation.system

    @property
    def unit(self) -> float:
        return float(np.finfo(self.case.dtype).eps) / 2

    @cached_property
    def clip_active(self) -> bool:
        """Whether the clip changes any gradient."""
        return self.case.clip.kind != "none" and any(
            np.any(self.raw[n].want != self.wanted[n].want) for n in self.system.weights
        )

    @cached_property
    def conclusive(self) -> bool:
        """Whether rounding leaves something of every gradient, before and after the clip.

        Of one that is zero, an error shows if rounding is small beside the weights of the losses,
        in which gradients are linear, and would not be made long by a clip.
        """
        arrays = [self.raw[name] for name in self.system.leaves]
        weights = max(np.abs(self.case[n]).max() for n in self.system.linear)
        visible = np.sqrt(self.unit) * max(weights, UNDERFLOW[self.case.dtype])
        visible = min(visible, self.case.clip.threshold or visible)
        if any(each.size == 0 and each.blur > visible for each in arrays):
            return False
        if self.case.clip.kind != "none":
            arrays += [self.wanted[n] for n in self.system.weights]
        return conclusive([each for each in arrays if each.size > 0], self.case.dtype)

    def all_cut(self, name: str) -> bool:
        """Whether a clip by value cuts every nonzero entry, so that only signs are left."""
        clip = self.case.clip
        if clip.kind != "value" or name not in self.system.weights:
            return False
        magnitudes = np.abs(self.raw[name].want)
        return bool(np.all((magnitudes > clip.threshold) | (magnitudes == 0)))

    @property
    def overflows(self) -> bool:
        """Whether correct code may overflow here: as the reference does, or squaring for a norm."""
        largest = float(np.finfo(self.case.dtype).max)
        if self.case.clip.kind in ("norm", "global-norm"):
            with np.errstate(over="ignore"):
                squares = sum(float(np.sum(self.raw[n].want ** 2)) for n in self.system.weights)
            if not squares < largest:
                return True
        if not all(self.raw[n].size <= largest for n in self.system.leaves):
            return True
        return self.evaluation.overflows


def _questions(clips: Sequence[Clip], evaluation: Evaluation) -> list[_Question]:
    """Resolve the clips' thresholds, and return what is asked under each."""
    case, system = evaluation.case, evaluation.system
    raw = {name: evaluation.raw[name].want for name in system.weights}
    resolved, factors = zip(*(resolve(clip, case, raw) for clip in clips), strict=True)
    wanted = evaluation.under(resolved, factors)
    questions = []
    for clip, factor, want in zip(resolved, factors, wanted, strict=True):
        scaled = {name: case[name] * factor for name in system.linear if factor != 1}
        asked = case.replace(clip=clip).with_arrays(scaled)
        questions.append(_Question(evaluation, asked, evaluation.scaled(factor), want))
    return questions


def _judge(question: _Question, candidate: Candidate) -> Verdict:
    system, case = question.system, question.case
    try:
        got, notes = call(candidate, case, list(system.weights), system.optional)
    except InvalidGradientsError as error:
        return Verdict(
            kind="invalid",
            case=case,
            clip_active=question.clip_active,
            message=str(error),
            traceback=error.traceback,
        )
    comparisons = tuple(
        compare(
            name,
            got[name],
            question.wanted[name],
            unit=question.unit,
            says_little=not question.conclusive or question.all_cut(name),
        )
        for name in system.leaves
        if name in got
    )
    kind, message = _kind(question, comparisons)
    return Verdict(
        kind=kind,
        case=case,
        comparisons=comparisons,
        unchecked=tuple(name for name in system.optional if name not in got),
        clip_active=question.clip_active,
        notes=(*notes, *_loss_notes(got.get("loss"), question)),
        message=message,
    )


def _kind(question: _Question, comparisons: Sequence[Comparison]) -> tuple[VerdictKind, str]:
    """Return the verdict on a case, and why where it is inconclusive."""
    if not question.conclusive:
        return "inconclusive", "rounding alone moves a gradient by more than a tenth of it"
    worst = max((each.kind for each in comparisons), key=VERDICT_KINDS.index)
    if worst in ("nonfinite", "wrong") and question.overflows:
        return "inconclusive", f"the case overflows in {question.case.dtype}"
    zero = all(each.zero for each in comparisons)
    if worst == "match" and not zero and not any(each.conclusive for each in comparisons):
        return "inconclusive", "no gradient could have failed by as much as matters"
    return worst, ""


def _loss_notes(loss: Array | None, question: _Question) -> tuple[str, ...]:
    """Return a note where a loss is off: people print one and differentiate another."""
    if loss is None:
        return ()
    wanted = question.raw["loss"]
    if abs(loss - wanted.want) <= max(wanted.blur, np.sqrt(question.unit) * wanted.size):
        return ()
    return ("the loss differs from the reference's",)
