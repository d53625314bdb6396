"""The catalogue tried on a candidate: does it give what a known bug gives, or two of them?"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.diagnosis.witnesses import Witness
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant, overlap, together
from rnnverify.records import Array, Candidate, Clip

MOST_PAIRS = 150
"""Pairs of mutants that are tried; each is compiled, which takes some milliseconds."""

Predicted = Mapping[str, Array]


def known_bugs(witness: Witness) -> tuple[Mutant, ...]:
    """Return the mutants of a witness's system; none where a model of ours does not apply."""
    question = witness.question
    if question.case.truncation is not None or not question.system.strict:
        return ()
    return CATALOGUE.get(question.system.name, ())


def predicted(candidate: Candidate, witness: Witness) -> Predicted:
    """Return what a mutant gives where somebody's code was asked; nothing where it raises.

    A scale that is wanted goes into the weights of the losses. A clip that does not cover just the
    weights is ours, put behind the mutant.
    """
    question = witness.question
    case, system = question.case, question.system
    scale = question.terms.scale.of(case.dims)
    arrays = {name: array.copy() for name, array in case.items()}
    arrays |= {name: scale * arrays[name] for name in system.linear}
    usual = case.clip.kind == "none" or set(question.covered) == set(system.weights)
    asked = case.with_arrays(arrays).replace(clip=case.clip if usual else Clip())
    try:
        with np.errstate(all="ignore"):
            returned = dict(candidate(asked))
    except Exception:  # noqa: BLE001 - a mutant is a bug, and may do anything
        return {}
    if usual:
        return returned
    return returned | clip_gradients({n: returned[n] for n in question.covered}, case.clip)


def single(witnesses: Sequence[Witness]) -> list[tuple[Mutant, ...]]:
    """Return the mutants that give just what the candidate gives, in every case."""
    return [(m,) for m in known_bugs(witnesses[0]) if _explains(m.gradients, witnesses)]


def pairs(witnesses: Sequence[Witness]) -> Iterator[tuple[Mutant, ...]]:
    """Return pairs of mutants that together give what the candidate gives, in every case."""
    mutants = known_bugs(witnesses[0])
    failing = [each for each in witnesses if each.failing]
    effects = {m: [_effect(m, each) for each in failing] for m in mutants}
    likely = (
        (first, second)
        for first, second in combinations(mutants, 2)
        if _may_fit(effects[first], effects[second], failing) and not overlap(first, second)
    )
    for pair in islice(likely, MOST_PAIRS):
        if _explains(together(*pair), witnesses):
            yield pair


def _explains(candidate: Candidate, witnesses: Sequence[Witness]) -> bool:
    return all(each.explained_by(predicted(candidate, each)) for each in witnesses)


Effect = Mapping[str, bool]
"""Of the arrays that a mutant changes: whether it alone gives what the candidate gives there."""


def _effect(mutant: Mutant, witness: Witness) -> Effect:
    given = predicted(mutant.gradients, witness)
    changed = {}
    for name in witness.got:
        if name in given and not _is_right(witness, name, given[name]):
            changed[name] = witness.is_explained(name, given[name])
    return changed


def _is_right(witness: Witness, name: str, given: Array) -> bool:
    interval = witness.question.wanted[name]
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(given - interval.want) <= interval.tolerance))


def _may_fit(
    first: Sequence[Effect], second: Sequence[Effect], witnesses: Sequence[Witness]
) -> bool:
    """Whether two bugs may give a candidate's gradients: each those that the other never changes.

    In some cases one of them does nothing, as a transposition where there is a single unit.
    """
    changed, too = ({name for effect in each for name in effect} for each in (first, second))
    wrong = {name for witness in witnesses for name in witness.failing}
    if not changed or not too or not wrong <= changed | too:
        return False
    return all(
        {**a, **b}.get(name, name not in witness.failing)
        for a, b, witness in zip(first, second, witnesses, strict=True)
        for name in changed ^ too
    )
