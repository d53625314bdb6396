"""The checker measured by the catalogue: mutants are killed, soon, and named; models stand.

All mutants are run for kills, and a part of them for names, in turn so that every kind occurs;
``benchmarks.mutants`` names all.
"""

import statistics
from collections.abc import Mapping, Sequence
from functools import cache
from unittest import mock

import pytest

from rnnverify.builtin import SYSTEMS
from rnnverify.checker import check
from rnnverify.drawing import explore
from rnnverify.hygiene import not_repeatable
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Case, Clip
from rnnverify.strategies import cases
from rnnverify.surveys import of_mutant
from rnnverify.terms import CONTRACT

MOST = 200
ONE_IN = 4


@cache
def drawn(system: str, lengths: bool) -> list[Case]:  # noqa: FBT001
    """Return the first cases of a run."""
    found: list[Case] = []
    explore(cases(system, lengths=lengths), found.append, seed=0, cases=MOST)
    return found


def killed_after(mutant: Mutant) -> int | None:
    """Return in which case a mutant is killed; None if it survives."""
    candidate, clip = mutant.fresh(), Clip.parse(mutant.clip)
    for number, case in enumerate(drawn(mutant.system, mutant.lengths), 1):
        if check(case.replace(clip=clip), candidate, timeout=None).failed:
            return number
        if number == 1 and not_repeatable(case, clip, candidate, CONTRACT):
            return number
    return None


@pytest.mark.parametrize("system", CATALOGUE)
def test_every_mutant_is_killed(system: str) -> None:
    """Within 200 cases each, and half of them within 10."""
    after = {mutant.name: killed_after(mutant) for mutant in CATALOGUE[system]}

    assert [name for name, cases in after.items() if cases is None] == []
    assert statistics.median([cases or MOST for cases in after.values()]) <= 10


@pytest.mark.parametrize("system", CATALOGUE)
def test_the_models_are_not_accused_in_the_same_run(system: str) -> None:
    """Under no condition in which mutants are run."""
    for clip, lengths in dict.fromkeys((m.clip, m.lengths) for m in CATALOGUE[system]):
        for case in drawn(system, lengths)[:50]:
            verdict = check(case.replace(clip=Clip.parse(clip)), SYSTEMS[system].gradients)
            assert not verdict.failed, verdict.text


@pytest.mark.parametrize("system", CATALOGUE)
def test_mutants_are_named(system: str) -> None:
    """Each as itself, but for those that keep state between calls, which have no case."""
    chosen = CATALOGUE[system][::ONE_IN]
    outcomes = [of_mutant(mutant, cases=MOST, seed=0) for mutant in chosen]

    assert [o.name for o in outcomes if not o.named and o.verdict != "nondeterministic"] == []


def test_without_their_entries_something_is_told_of_most() -> None:
    """Of mutants that are not in the catalogue, relations and steps explain 60 % at least."""
    chosen = [m for mutants in CATALOGUE.values() for m in mutants[1 :: 4 * ONE_IN]]
    told = 0
    for mutant in chosen:
        rest: Mapping[str, Sequence[Mutant]] = {
            mutant.system: [m for m in CATALOGUE[mutant.system] if m is not mutant]
        }
        with mock.patch("rnnverify.diagnosis.catalogue.CATALOGUE", rest):
            found = of_mutant(mutant, cases=MOST, seed=0)
        told += found.diagnosis is not None

    assert told >= 0.6 * len(chosen)
