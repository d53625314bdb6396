"""Witnesses: what a candidate gives in a case, beside what it should give there."""

import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.errors import InvalidGradientsError, PassedOnError, TimeLimitError
from rnnverify.evaluation import evaluate
from rnnverify.questions import Got, Question, questions
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.terms import Terms

ROUNDING = 256
"""How far sums in another order may move a wrong gradient, in roundings of its largest entry."""
BETTER = 0.1
"""What explains an error leaves no more than this share of it."""
MOST_FAILING, MOST_RIGHT = 10, 30
"""So many witnesses are enough, of a failure and of nothing wrong."""
MOST_SECONDS = 1.5
"""Seconds in a candidate after which no further witness is called, where it is slow."""


@dataclass(frozen=True)
class Witness:
    """A candidate's gradients in one case.

    Attributes:
        question: The case, and what would be right.
        got: What it gives.
        failing: The arrays whose gradients are wrong.
    """

    question: Question
    got: Got
    failing: frozenset[str]

    @property
    def case(self) -> Case:
        """The case, as the candidate saw it."""
        return self.question.case

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return self.case.dims["T"]

    @property
    def splits(self) -> bool:
        """Whether its gradients can be split into the contributions of single steps."""
        return self.question.system.splits and self.case.truncation is None

    def want(self, name: str) -> Array:
        """Return what a gradient should be."""
        return self.question.wanted[name].want

    def explained_by(self, predicted: Mapping[str, Array]) -> bool:
        """Whether every gradient is what is predicted, be it right or wrong."""
        names = [name for name in self.got if name in predicted]
        return self.failing <= set(names) and all(
            self.is_explained(name, predicted[name]) for name in names
        )

    def is_explained(self, name: str, predicted: Array) -> bool:
        """Whether a gradient is what is predicted, and not just as far off."""
        if predicted.shape != self.got[name].shape:
            return False
        if name not in self.failing:
            return _largest(predicted, self.want(name)) <= self._allowed(name, predicted)
        left = _largest(self.got[name], predicted)
        off = _largest(self.got[name], self.want(name))
        return left <= min(self._allowed(name, predicted), BETTER * off)

    def _allowed(self, name: str, predicted: Array) -> float:
        finite = np.abs(predicted[np.isfinite(predicted)])
        rounding = ROUNDING * self.question.unit * float(finite.max(initial=0.0))
        return self.question.wanted[name].blur + rounding

    @cached_property
    def unclipped(self) -> "Question":
        """The same question without its clip."""
        return asked(self.case.replace(clip=Clip()), self.question.terms)


def _largest(a: Array, b: Array) -> float:
    """Return the largest difference; entries that are equally infinite, or both NaN, are equal."""
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), math.inf, difference))
    return float(difference.max(initial=0.0))


def asked(case: Case, terms: Terms) -> Question:
    """Return what a candidate is asked in a case."""
    (question,) = questions([case.clip], evaluate(system_of(case), case), terms)
    return question


def witness(case: Case, candidate: Candidate, terms: Terms) -> Witness | None:
    """Return what a candidate gives in a case; None where that says nothing.

    Raises:
        TimeLimitError: if it takes too long.
    """
    question = asked(case, terms)
    if not question.conclusive:
        return None
    try:
        got, _ = question.ask(candidate)
    except TimeLimitError:
        raise
    except (InvalidGradientsError, PassedOnError):
        return None
    wrong = (each.gradient for each in question.compare(got) if each.kind != "match")
    return Witness(question, {n: a for n, a in got.items() if n != "loss"}, frozenset(wrong))


class _Clock:
    """How long a candidate took: what the reference takes to compile must not change a diagnosis.

    Attributes:
        seconds: Seconds in all its calls.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, candidate: Candidate) -> Candidate:
        """Return a candidate whose calls are timed."""

        def called(case: Case) -> Mapping[str, Any]:
            start = time.monotonic()
            try:
                return candidate(case)
            finally:
                self.seconds += time.monotonic() - start

        return called


def gather_all(cases: Iterable[Case], candidate: Candidate, terms: Terms) -> list[Witness]:
    """Return a witness for each case that says something; fewer where a candidate is slow."""
    found: list[Witness] = []
    clock = _Clock()
    timed = clock.timed(candidate)
    with suppress(TimeLimitError):
        for case in cases:
            seen = witness(case, timed, terms)
            if seen is not None:
                found.append(seen)
            if clock.seconds > MOST_SECONDS:
                break
    return found


def gather(
    case: Case, candidate: Candidate, terms: Terms, others: Iterable[Case]
) -> tuple[Witness, ...]:
    """Return witnesses: of the case that failed first, then of others, failing or not."""
    found: list[Witness] = []
    room = {True: MOST_FAILING, False: MOST_RIGHT}
    clock = _Clock()
    timed = clock.timed(candidate)
    with suppress(TimeLimitError):
        for each in (case, *others):
            seen = witness(each, timed, terms)
            if seen is not None and room[bool(seen.failing)] > 0:
                room[bool(seen.failing)] -= 1
                found.append(seen)
            if not found or not any(room.values()) or clock.seconds > MOST_SECONDS:
                break
    return tuple(found)
