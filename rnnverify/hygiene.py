"""Hygiene: whether a candidate behaves like a function of its case.

It is called a few more times on some cases, and once with every upstream gradient at zero.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.checker import check_under
from rnnverify.errors import InvalidGradientsError, TimeLimitError
from rnnverify.evaluation import evaluate
from rnnverify.questions import Question, questions
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.terms import Terms
from rnnverify.verdicts import Verdict

Check = Literal["repeatable", "inputs_unmodified", "own_memory", "zero_upstream"]
CHECKS: tuple[Check, ...] = ("repeatable", "inputs_unmodified", "own_memory", "zero_upstream")

Calls = list[dict[str, Array]]
ROUNDING = 64
"""Units of roundoff, of an array's largest entry, that are no sign of a random number."""
CLOSE = 1e-6
"""How far, relatively, what is added may differ from call to call."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a hygiene check found wrong.

    Attributes:
        check: Its name.
        verdict: On the case that shows it.
    """

    check: Check
    verdict: Verdict


def not_repeatable(case: Case, clip: Clip, candidate: Candidate, terms: Terms) -> Finding | None:
    """Call a candidate again and again on one case, and say how the results differ, if they do.

    Differences within the tolerance, such as those of sums in another order, are no finding. A
    candidate that is invalid is left to ``check``.
    """
    (question,) = questions([clip], evaluate(system_of(case), case), terms)
    try:
        calls = [_gradients(question, candidate) for _ in range(2)]
        if _agree(question, *calls):
            return None
        calls.append(_gradients(question, candidate))
    except TimeLimitError as error:
        verdict = Verdict(
            kind="invalid",
            case=question.case,
            message=f"called again on the same case, {error}",
            traceback=error.traceback,
            hung=True,
        )
        return Finding(check="repeatable", verdict=verdict)
    except InvalidGradientsError:
        return None
    verdict = Verdict(
        kind="nondeterministic",
        case=question.case,
        comparisons=question.compare(calls[-1]),
        message=_how(question, calls),
    )
    return Finding(check="repeatable", verdict=verdict)


def _gradients(question: Question, candidate: Candidate) -> dict[str, Array]:
    got, _ = question.ask(candidate)
    return {name: got[name] for name in question.answerable if name in got}


def _agree(question: Question, first: Mapping[str, Array], second: Mapping[str, Array]) -> bool:
    """Whether two results are the same, to within the tolerance."""
    return set(first) == set(second) and all(
        np.array_equal(first[n], second[n], equal_nan=True)
        or _near(first[n], second[n], _allowed(question, n, first[n]))
        for n in first
    )


def _near(first: Array, second: Array, allowed: Array) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(first - second) <= allowed
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    return bool(np.all(near | same))


def _allowed(question: Question, name: str, gradient: Array) -> Array:
    """Return by how much sums in another order may move a gradient, be it right or wrong."""
    largest = float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))
    return question.wanted[name].tolerance + ROUNDING * question.unit * largest


def _how(question: Question, calls: Calls) -> str:
    """Say in which way three calls on one case differ."""
    if len({frozenset(each) for each in calls}) > 1:
        return "it returns the gradients of other arrays from call to call"
    if _adds_up(calls):
        return (
            "called again on the same case, it returns more of the same: gradients are added to "
            "those of the call before; set them to zero at the start of each"
        )
    if _agree(question, calls[1], calls[2]):
        return (
            "the second call on the same case returns something else than the first: some state "
            "is kept between calls"
        )
    name, moved = max(((n, _moved(n, calls)) for n in calls[0]), key=lambda pair: pair[1])
    return (
        "it is not deterministic, or keeps state between calls: between three calls on the same "
        f"case, d{name} moves by {moved:.2g} of its largest entry"
    )


def _adds_up(calls: Calls) -> bool:
    """Whether each call adds the same to the one before, after some number of calls."""
    first, second, third = (_joined(each) for each in calls)
    if not all(np.all(np.isfinite(each)) for each in (first, second, third)):
        return False
    step, length = second - first, float(np.linalg.norm(second - first))
    if not length > 0:
        return False
    times = round(float(np.linalg.norm(first)) / length)
    same = CLOSE * length
    return bool(
        np.linalg.norm(third - second - step) <= same
        and np.linalg.norm(first - times * step) <= max(1, times) * same
    )


def _joined(gradients: Mapping[str, Array]) -> Array:
    return np.concatenate([gradients[name].ravel() for name in sorted(gradients)])


def _moved(name: str, calls: Calls) -> float:
    stacked = np.stack([call[name] for call in calls])
    if not np.all(np.isfinite(stacked)):
        return math.inf
    largest = float(np.abs(stacked).max())
    return float(np.ptp(stacked, axis=0).max()) / largest if largest else 0.0


def not_zero_for_zero(case: Case, clip: Clip, candidate: Candidate, terms: Terms) -> Finding | None:
    """Ask for the gradients of nothing, and say which are not zero.

    Args:
        case: Of a system with loss weights or cotangents, which are not held at a value.
        clip: What its gradients are clipped by.
        candidate: What is asked.
        terms: What it is held to.
    """
    linear = system_of(case).linear
    silent = case.with_arrays({name: np.zeros_like(case[name]) for name in linear})
    (verdict,) = check_under([clip], silent, candidate, terms)
    if not verdict.failed:
        return None
    what = verdict.text.removeprefix(f"{case.system}: ")
    message = f"with {' and '.join(linear)} at 0, {what}"
    return Finding(check="zero_upstream", verdict=replace(verdict, message=message))
