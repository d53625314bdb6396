"""Locating a failure in time: what each step's loss, taken alone, shows of it."""

import math
from collections.abc import Iterator
from itertools import takewhile

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.checker import check_under
from rnnverify.records import Candidate, Case
from rnnverify.terms import CONTRACT, Terms
from rnnverify.verdicts import Verdict


def first_wrong_step(case: Case, candidate: Candidate, terms: Terms = CONTRACT) -> int | None:
    """Return the first step whose loss, taken alone, has a wrong gradient; None if none has.

    Nor has any where the candidate is invalid, or the losses cannot be weighted.
    """
    for step, verdict in enumerate(_step_by_step(case, candidate, terms)):
        if verdict.kind == "invalid":
            return None
        if verdict.failed:
            return step
    return None


def errors_by_step(
    case: Case, candidate: Candidate, terms: Terms = CONTRACT
) -> dict[str, tuple[float, ...]]:
    """Return each gradient's error in tolerances, where only the loss of one step counts.

    NaN where that step's case is inconclusive; empty where the losses cannot be weighted, or the
    candidate is invalid.
    """
    verdicts = list(takewhile(lambda each: not each.hung, _step_by_step(case, candidate, terms)))
    if any(verdict.kind == "invalid" for verdict in verdicts):
        return {}
    errors: dict[str, list[float]] = {}
    for verdict in verdicts:
        for each in verdict.comparisons:
            told = math.nan if verdict.kind == "inconclusive" else each.worst
            errors.setdefault(each.gradient, []).append(told)
    return {n: tuple(steps) for n, steps in errors.items() if len(steps) == case.dims["T"]}


def _step_by_step(case: Case, candidate: Candidate, terms: Terms) -> Iterator[Verdict]:
    """Return a verdict for each step's loss, taken alone; none where that cannot be."""
    system = system_of(case)
    heard = [name for name in system.linear if system.inputs[name].is_scanned]
    if not heard or not case.fixed.isdisjoint(system.linear):
        return
    for step in range(case.dims["T"]):
        alone = _alone(case, step)
        (verdict,) = check_under([alone.clip], alone, candidate, terms)
        yield verdict


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
