"""What rnnverify and other checkers are asked alike: the same cases, gradients and losses."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.losses import LOSSES
from benchmarks.peers import Problem
from rnnverify.builtin import find_system
from rnnverify.checker import check
from rnnverify.drawing import explore
from rnnverify.records import Array, Candidate, Case
from rnnverify.strategies import cases
from rnnverify.systems import System
from rnnverify.verdicts import Verdict

STEPS = ("all steps", "last step")
"""Those that the loss is made of."""
MOST_WEIGHTS = 150
"""Numbers in the weights of a case: slow checkers take time in proportion to them."""
DRAWN_FOR_ONE = 100
"""Cases to draw for each that is wanted: most have too many weights, or sizes that were there."""


def drawn(system: System, count: int, seed: int) -> dict[str, list[Case]]:
    """Return the first well-sized cases of a run, no two of the same sizes, under both losses."""
    found: dict[tuple[int, ...], Case] = {}

    def visit(case: Case) -> None:
        if len(found) < count and is_well_sized(system, case):
            found.setdefault(tuple(case.dims.values()), case)

    explore(cases(system), visit, seed=seed, cases=DRAWN_FOR_ONE * (count + 2))
    return {steps: [with_loss_of(steps, each) for each in found.values()] for steps in STEPS}


def is_well_sized(system: System, case: Case) -> bool:
    """Whether no axis is 1 that need not be, for there bugs hide, and weights are not too many."""
    ample = all(n > 1 or system.sizes[axis][1] == 1 for axis, n in case.dims.items())
    return ample and sum(case[name].size for name in system.weights) <= MOST_WEIGHTS


def with_loss_of(steps: str, case: Case) -> Case:
    """Return a case whose loss is the plain sum over all steps, or that of the last one."""
    system = find_system(case.system)
    arrays = {name: np.ones_like(case[name]) for name in system.linear}
    for name, array in arrays.items():
        if steps == "last step" and system.inputs[name].is_scanned:
            array[:-1] = 0
    return case.with_arrays(arrays)


def verdict_on(case: Case, candidate: Candidate) -> Verdict:
    """Return rnnverify's verdict on the gradients of the weights."""
    names = tuple(find_system(case.system).weights)

    def weights_only(asked: Case) -> dict[str, Any]:
        got = candidate(asked)
        return {name: got[name] for name in names}

    return check(case, weights_only, gradients=names)


def problem(case: Case, candidate: Candidate) -> Problem:
    """Return what peers are asked: a candidate's gradient by the weights, and the right loss."""
    names, loss = tuple(find_system(case.system).weights), LOSSES[case.system]

    def at(weights: Sequence[Array]) -> Case:
        return case.with_arrays(dict(zip(names, weights, strict=True)))

    def gradient(weights: Sequence[Array]) -> list[Array]:
        got = candidate(at([weight.copy() for weight in weights]))
        return [np.asarray(got[name], np.float64) for name in names]

    return Problem(
        loss=lambda weights: float(loss(at(weights))),
        gradient=gradient,
        weights=[case[name] for name in names],
    )
