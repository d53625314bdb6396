"""Blame: which side of a candidate is at fault, its backward pass or its forward pass.

The loss is compared first. Where it is another, a Taylor test of the candidate's own loss says
whether its gradients belong to it: L(w + εd) - L(w) - ε⟨g, d⟩ shrinks like ε² if they do, and like
ε if they do not (Farrell et al. 2013, https://doi.org/10.1137/120873558, section 5.1).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.errors import InvalidGradientsError
from rnnverify.evaluation import evaluate
from rnnverify.questions import Question, questions
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.results import Fault
from rnnverify.terms import Terms

STEPS = tuple(2.0**-k for k in range(3, 15))
"""The ε that are tried."""
ABOVE_ROUNDING = 100
"""A remainder must be so many times the loss's own rounding, to be used."""
SECOND_ORDER = 1.6
FIRST_ORDER = 1.4
"""A remainder's order from here up is that of a gradient, and up to there that of none."""

NO_LOSS = Fault(
    side="unknown",
    text='it returns no "loss"; with one, its forward pass could be told from its backward pass',
)


TRUNCATED = Fault(
    side="unknown",
    text="its loss differs from the reference's; truncated gradients are those of no loss, so "
    "that it cannot be told which side is wrong",
)


def find_fault(case: Case, candidate: Candidate, terms: Terms) -> Fault | None:
    """Say which side of a candidate is at fault in a case in which a gradient is wrong.

    Returns:
        None where the candidate is invalid.
    """
    (question,) = questions([Clip()], evaluate(system_of(case), case), terms)
    try:
        got, _ = question.ask(candidate)
        if "loss" not in got:
            return NO_LOSS
        if case.truncation is not None and not question.loss_is_right(float(got["loss"])):
            return TRUNCATED
        if question.loss_is_right(float(got["loss"])):
            return Fault(
                side="backward", text="its loss is right, so it is the backward pass that is wrong"
            )
        return _by_order(_order(question, candidate, got))
    except InvalidGradientsError:
        return None


def _by_order(order: float) -> Fault:
    if order >= SECOND_ORDER:
        return Fault(
            side="forward",
            text=f"its gradients are those of its own loss (Taylor remainder of order {order:.1f}),"
            " which is another than the reference's: the forward pass computes something else",
        )
    if order <= FIRST_ORDER:
        return Fault(
            side="backward",
            text="its gradients are not even those of its own loss (Taylor remainder of order "
            f"{order:.1f}): the backward pass is wrong, and the loss is another besides",
        )
    return Fault(
        side="unknown", text="its loss differs from the reference's, and so do its gradients"
    )


def _order(question: Question, candidate: Candidate, got: Mapping[str, Array]) -> float:
    """Return by which power of ε the remainder of its own loss shrinks; NaN where it is unclear.

    The loss may have the scale of the gradients, or be without it.
    """
    direction = _direction(question, [n for n in question.system.leaves if n in got])
    slope = sum(float(np.vdot(got[name], d)) for name, d in direction.items())
    losses = [float(got["loss"])]
    for step in STEPS:
        there, _ = question.ask(candidate, {name: step * d for name, d in direction.items()})
        losses.append(float(there["loss"]))
    scale = question.terms.scale.of(question.case.dims)
    orders = [_order_of(losses, each, question.unit) for each in (slope, slope / scale)]
    return max((order for order in orders if not math.isnan(order)), default=math.nan)


def _order_of(losses: Sequence[float], slope: float, unit: float) -> float:
    """Return the order of the remainders of losses; the first is where the others start."""
    start, *moved = losses
    remainders = [abs(loss - start - e * slope) for e, loss in zip(STEPS, moved, strict=True)]
    floor = ABOVE_ROUNDING * unit * abs(start)
    usable = [(e, r) for e, r in zip(STEPS, remainders, strict=True) if floor < r < math.inf]
    if len(usable) < 3:  # noqa: PLR2004 - a slope through two points says nothing of either
        return 2.0 if max(remainders) <= floor else math.nan
    (e1, r1), (e2, r2) = usable[-3], usable[-1]
    return math.log(r1 / r2) / math.log(e1 / e2)


def _direction(question: Question, names: Sequence[str]) -> dict[str, Array]:
    """Return a random direction, of length 1 in each array that is neither held nor unknown."""
    case, random = question.case, np.random.default_rng(0)
    free = [name for name in names if name not in case.fixed]
    drawn = {name: random.standard_normal(case[name].shape) for name in free}
    lower = [n for n in free if question.system.arrays[n].values == "strictly lower"]
    drawn |= {name: np.tril(drawn[name], -1) for name in lower}
    return {name: each / max(float(np.linalg.norm(each)), 1e-300) for name, each in drawn.items()}
