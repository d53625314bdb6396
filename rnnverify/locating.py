"""Locating a failure in time: the first step whose loss, taken alone, shows it."""

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.checker import check_under
from rnnverify.records import Candidate, Case
from rnnverify.terms import CONTRACT, Terms


def first_wrong_step(case: Case, candidate: Candidate, terms: Terms = CONTRACT) -> int | None:
    """Return the first step whose loss, taken alone, has a wrong gradient; None if none has.

    Nor has any where the candidate is invalid, or the losses cannot be weighted.
    """
    system = system_of(case)
    heard = [name for name in system.linear if system.inputs[name].is_scanned]
    if not heard or not case.fixed.isdisjoint(system.linear):
        return None
    for step in range(case.dims["T"]):
        alone = _alone(case, step)
        (verdict,) = check_under([alone.clip], alone, candidate, terms)
        if verdict.kind == "invalid":
            return None
        if verdict.failed:
            return step
    return None


def _alone(case: Case, step: int) -> Case:
    """Return a case in which only one step's loss counts: by 1, or by its cotangents, if any."""
    system = system_of(case)
    arrays = {}
    for name in system.linear:
        given, axes = case[name], system.inputs[name]
        alone = np.zeros_like(given)
        if not axes.is_scanned:
            ends = case["lengths"] if "lengths" in case else np.full(len(given), case.dims["T"])
            alone[ends == step + 1] = given[ends == step + 1]
        else:
            use = axes.values == "cotangents" and np.any(given[step])
            alone[step] = given[step] if use else 1
        arrays[name] = alone
    return case.with_arrays(arrays)
