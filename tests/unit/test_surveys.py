"""Surveys: what becomes of a mutant, and of what is right."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify import surveys
from rnnverify.edits import Edit
from rnnverify.models import char_rnn
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Candidate, Case
from rnnverify.results import Report
from rnnverify.runner import execute
from rnnverify.runs import Run, make_run
from rnnverify.surveys import Outcome, of_catalogue, of_edits, of_mutant, outcome
from tests.planting import SMALL
from tests.support import mended


def run_of(candidate: Candidate, *, clips: tuple[str, ...] = ("none",), cases: int = 30) -> Run:
    """Return a run on small cases of char_rnn."""
    return make_run(
        candidate,
        "char_rnn",
        name="some",
        clips=list(clips),
        dtype="float64",
        cases=cases,
        seed=0,
        dims=SMALL["char_rnn"],
    )


def mutant(name: str) -> Mutant:
    """Return a mutant of char_rnn."""
    (found,) = (each for each in CATALOGUE["char_rnn"] if each.name == name)
    return found


def alike(name: str = "alike") -> Mutant:
    """Return a mutant that is none: it gives what the model gives."""
    return Mutant(
        system="char_rnn",
        name=name,
        before="slope = 1 - h[1:] ** 2",
        after="slope = (1 - h[1:]) * (1 + h[1:])",
        equation="dhraw_t = (1 - h_t²) ⊙ dh_t",
        symptom="None.",
    )


def test_a_mutant_is_killed_and_named() -> None:
    """It is told after how many cases, that the diagnosis is itself, and what was changed."""
    found = of_mutant(mutant("recurrence_not_transposed"), cases=30, seed=0)

    assert (found.system, found.name) == ("char_rnn", "recurrence_not_transposed")
    assert (found.killed, found.named, found.verdict) == (True, True, "wrong")
    assert 1 <= found.cases <= 5
    assert found.diagnosis is not None
    assert found.change == "dhnext = dhraw[t] @ Whh.T"


def test_a_mutant_that_is_told_to_be_another_is_not_named() -> None:
    """Only its own name counts."""
    other = mutant("recurrent_gradient_transposed")
    found = of_mutant(replace(other, name="another"), cases=30, seed=0)

    assert found.killed
    assert not found.named
    assert found.diagnosis is not None
    assert found.diagnosis.name == other.name


def test_what_is_right_survives() -> None:
    """A mutant that is another spelling of the same survives every case."""
    found = of_mutant(alike(), cases=30, seed=0)

    assert not found.killed
    assert not found.named
    assert found.cases == 30
    assert found.verdict == "match"
    assert found.diagnosis is None


@pytest.mark.parametrize("clips", [("none",), ("none", "value")])
def test_the_first_failing_case_counts(clips: tuple[str, ...]) -> None:
    """Of all clips, that which fails first says after how many cases it was killed."""
    calls = itertools.count(1)

    def late(case: object) -> object:
        wrong = next(calls) > 7 * len(clips)
        return (turned if wrong else char_rnn.gradients)(case)  # type: ignore[arg-type]

    turned = mended(char_rnn.gradients, "Why", np.negative)
    found = outcome(run_of(late, clips=clips))  # type: ignore[arg-type]

    assert found.killed
    assert 1 < found.cases <= 8


def test_it_ends_after_enough_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant that always fails is not run on every case; a right one is."""
    seen: list[tuple[int, int]] = []

    def counted(run: Run, *, enough: int | None = None) -> list[Report]:
        reports = execute(run, enough=enough)
        seen.append((reports[0].cases, reports[0].counts.get("wrong", 0)))
        return reports

    monkeypatch.setattr(surveys, "execute", counted)
    outcome(run_of(mended(char_rnn.gradients, "Why", lambda g: g * 1.5), cases=60))
    outcome(run_of(char_rnn.gradients, cases=60))

    (failing, wrong), (right, none) = seen
    assert wrong == surveys.ENOUGH <= failing < 40
    assert (right, none) == (60, 0)


def test_the_catalogue_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model as it stands comes first, once for each clip; each mutant under its own clip."""
    some = ("recurrence_not_transposed", "one_weight_not_clipped", "recurrent_gradient_transposed")
    monkeypatch.setattr(surveys, "CATALOGUE", {"char_rnn": tuple(map(mutant, some))})
    found = list(of_catalogue(["char_rnn"], cases=30, seed=0))

    assert [each.name for each in found] == ["", some[0], some[2], "", some[1]]
    assert [each.killed for each in found] == [False, True, True, False, True]
    assert [each.verdict for each in found if not each.name] == ["match", "match"]


def test_the_same_seed_gives_the_same() -> None:
    """Two surveys do not differ; those of other seeds do."""

    def sometimes(case: Case) -> Mapping[str, Any]:
        there = case.dims["H"] == 5
        return mended(char_rnn.gradients, "Why", np.negative if there else np.positive)(case)

    def survey(seed: int) -> Outcome:
        return outcome(replace(run_of(sometimes), seed=seed))

    assert survey(0) == survey(0)
    assert len({survey(seed).cases for seed in range(4)}) > 1


def test_edits_are_run_after_the_code_itself() -> None:
    """An edit is named if there is any diagnosis; its change is the place and the line."""
    edits = [
        Edit(
            name=f"line_{line}_some",
            path="my_rnn.py",
            line=line,
            before="a",
            after="b",
            candidate=candidate,
        )
        for line, candidate in (
            (3, mended(char_rnn.gradients, "Whh", np.transpose)),
            (4, char_rnn.gradients),
        )
    ]
    itself, killed, survived = of_edits(run_of(char_rnn.gradients), edits)

    assert (itself.name, itself.killed) == ("", False)
    assert (killed.killed, killed.named, killed.change) == (True, True, "my_rnn.py:3: b")
    assert (survived.killed, survived.named, survived.change) == (False, False, "my_rnn.py:4: b")
