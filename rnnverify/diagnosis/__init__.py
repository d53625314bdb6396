"""Diagnosis: a wrong gradient is named, once a run, on the smallest case and some others.

What is told holds in every case that was tried, and explains the failure in several of them; what
is refuted once is not told at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rnnverify.diagnosis.catalogue import pairs, single
from rnnverify.diagnosis.conditions import find_condition
from rnnverify.diagnosis.factors import Factor, agreed, wrong_factor
from rnnverify.diagnosis.relation import Relation, holds
from rnnverify.diagnosis.relations import relations
from rnnverify.diagnosis.steps import step_relations
from rnnverify.diagnosis.telling import by_condition, by_factors, by_mutants, by_relations
from rnnverify.diagnosis.timing import first_difference
from rnnverify.diagnosis.witnesses import Witness, gather, gather_all
from rnnverify.records import Candidate, Case, Clip
from rnnverify.results import Diagnosis
from rnnverify.terms import Terms
from rnnverify.verdicts import Verdict

FEWEST = 2
"""Cases, beside the smallest, in which a failure must be explained."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """What a diagnosis is confirmed on.

    Attributes:
        others: Further cases, some of which fail.
        probes: Cases of few steps and several units, in which steps can be told apart.
        seen: Verdicts on cases of the same run.
    """

    others: Sequence[Case] = ()
    probes: Sequence[Case] = ()
    seen: Sequence[Verdict] = ()


class Found(NamedTuple):
    """What was found out.

    Attributes:
        diagnosis: What the bug is, or behaves like; None if nothing fits.
        since: From which step on, backwards, things differ; "" where that is not known.
    """

    diagnosis: Diagnosis | None = None
    since: str = ""


def diagnose(failed: Verdict, candidate: Candidate, terms: Terms, background: Background) -> Found:
    """Find out what a candidate's wrong gradients behave like.

    Args:
        failed: The verdict on the smallest case that fails.
        candidate: What fails.
        terms: What it is held to.
        background: Further cases.
    """
    witnesses = gather(failed.case, candidate, terms, background.others)
    if not witnesses or not witnesses[0].failing:
        return Found()
    named = single(witnesses)
    plain = _unclipped(witnesses, candidate, terms, background.others)
    probes = gather_all(_plain(background.probes), candidate, terms)
    factors = _factors(probes)
    unknown = [n for n in _wrong_matrices(probes) if n not in factors]
    since = first_difference(plain, factors, all_known=not unknown)
    if named and _confirmed(witnesses):
        return Found(by_mutants(named, _confirmed(witnesses)), since)
    return Found(
        _by_relations(plain, failed.case.clip, partly=False)
        or _by_pair(witnesses)
        or _by_relations(plain, failed.case.clip, partly=True)
        or by_factors(factors, unknown)
        or _by_condition(background.seen),
        since,
    )


def _factors(probes: Sequence[Witness]) -> dict[str, Factor]:
    """Return for each weight which factor of its gradient is wrong, where that can be told."""
    found = {}
    for name in _wrong_matrices(probes):
        failing = [each for each in probes if name in each.failing]
        factor = agreed([wrong_factor(each, name) for each in failing])
        if factor is not None:
            found[name] = factor
    return found


def _wrong_matrices(probes: Sequence[Witness]) -> list[str]:
    """Return the weights with a wrong gradient that something is multiplied by: no biases."""
    wrong = {name for each in probes for name in each.failing}
    weights = probes[0].question.system.weights if probes else {}
    axes = {n: [axis for axis in each.names if not axis.isdigit()] for n, each in weights.items()}
    return [name for name, each in axes.items() if len(each) > 1 and name in wrong]


def _plain(cases: Sequence[Case]) -> list[Case]:
    return [case.replace(clip=Clip()) for case in cases]


def _confirmed(witnesses: Sequence[Witness]) -> int:
    """Return in how many further cases a failure was explained; 0 where those are too few."""
    further = sum(bool(each.failing) for each in witnesses) - 1
    return further if further >= FEWEST else 0


def _unclipped(
    witnesses: tuple[Witness, ...], candidate: Candidate, terms: Terms, others: Sequence[Case]
) -> tuple[Witness, ...]:
    """Return witnesses without the clip, if it is not the clip that is wrong."""
    case = witnesses[0].case
    if case.clip.kind == "none":
        return witnesses
    first, *rest = _plain([case, *others])
    plain = gather(first, candidate, terms, rest)
    return plain if any(each.failing for each in plain) else witnesses


def _by_pair(witnesses: Sequence[Witness]) -> Diagnosis | None:
    pair = next(pairs(witnesses), None) if _confirmed(witnesses) else None
    return None if pair is None else by_mutants([pair], _confirmed(witnesses))


def _by_relations(witnesses: Sequence[Witness], clip: Clip, *, partly: bool) -> Diagnosis | None:
    """Return what the wrong gradients are, each by itself; all of them, or only some."""
    wrong = [n for n in witnesses[0].got if any(n in each.failing for each in witnesses)]
    found: dict[str, tuple[Relation, int]] = {}
    for name in wrong:
        explained = _explained(name, witnesses)
        if explained is not None:
            found[name] = explained
        elif not partly:
            return None
    if not found:
        return None
    unexplained = [name for name in wrong if name not in found]
    unclipped = witnesses[0].case.clip.kind != clip.kind
    return by_relations(found, unexplained, unclipped=unclipped)


def _explained(name: str, witnesses: Sequence[Witness]) -> tuple[Relation, int] | None:
    """Return the plainest relation that explains a gradient, and in how many further cases."""
    failing = [each for each in witnesses if name in each.failing]
    richest = max(failing, key=lambda each: (each.steps, each.got[name].size))
    for relation in (*relations(richest, name), *step_relations(richest)):
        explained = holds(relation, name, [richest, *witnesses])
        if explained is not None and explained - 2 >= FEWEST:
            return relation, explained - 2
    return None


def _by_condition(seen: Sequence[Verdict]) -> Diagnosis | None:
    condition = find_condition(seen)
    return None if condition is None else by_condition(condition)
