"""Diagnosis: a wrong gradient is named, once a run, and nothing is named that is not so."""

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify import explaining
from rnnverify.models import char_rnn, elman
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant, together
from rnnverify.records import Array, Candidate, Case
from rnnverify.results import Diagnosis, Failure, Report
from tests.planting import SMALL, instead
from tests.support import char_rnn_case, edited, mended

SLIP = edited(char_rnn, ("dhnext = dhraw[t] @ Whh", "dhnext = Whh @ dhraw[t]"))
"""The bug of the README: one missing transposition."""
NAME = "recurrence_not_transposed"


def mutant(name: str) -> Mutant:
    """Return a mutant of char_rnn."""
    (found,) = (each for each in CATALOGUE["char_rnn"] if each.name == name)
    return found


@cache
def report_on(candidate: Candidate) -> Report:
    """Verify on few cases of char_rnn."""
    return rnnverify.verify(candidate, "char_rnn", cases=40)


def failure_of(report: Report) -> Failure:
    """Return the failure of a report that has one."""
    assert report.failure is not None
    return report.failure


def told(report: Report) -> Diagnosis:
    """Return the diagnosis of a report that has one."""
    diagnosis = failure_of(report).diagnosis
    assert diagnosis is not None
    return diagnosis


def test_a_missing_transposition_is_named() -> None:
    """The README's bug: its name, the equation, the line, and both versions of the line."""
    report, known = report_on(SLIP), mutant(NAME)

    assert f"behaves like {NAME}: {known.symptom}" in str(report)
    assert known.equation in str(report)
    assert f"rnnverify/models/char_rnn.py:{known.line}" in str(report)
    assert "dhnext = dhraw[t] @ Whh      expected" in str(report)
    assert "dhnext = dhraw[t] @ Whh.T    yours behaves like this" in str(report)
    assert "the adjoints first differ at step T-2; the last step is right" in str(report)
    assert failure_of(report).since in failure_of(report).reasons


def test_the_diagnosis_is_in_the_json() -> None:
    """Its kind, name, text, and in how many further cases it explains the failure."""
    found = json.loads(json.dumps(dataclasses.asdict(told(report_on(SLIP)))))

    assert (found["kind"], found["name"]) == ("mutant", NAME)
    assert found["confirmed_on"] >= 5
    assert found["confidence"].startswith("certain")
    assert found["text"].startswith("behaves like")
    assert [change["line"] for change in found["changes"]] == [mutant(NAME).line]


@pytest.mark.parametrize(
    "names",
    [
        ("tanh_twice_in_the_slope", "recurrent_gradient_transposed"),
        (NAME, "repeated_tokens_overwritten"),
        ("first_step_not_visited", "same_state_for_the_one_before"),
    ],
)
def test_two_bugs_at_once_are_both_named(names: tuple[str, str]) -> None:
    """Planted together, two mutants are told, each with its line."""
    first, second = map(mutant, names)
    diagnosis = told(report_on(together(first, second)))

    assert diagnosis.kind == "mutants"
    assert {*names} == {*diagnosis.name.split("+")}
    assert {first.line, second.line} == {change.line for change in diagnosis.changes}


def noise(case: Case, right: Mapping[str, Any]) -> Array:
    """Return dWhh with another factor in every entry."""
    random = np.random.default_rng(case["Whh"].view(np.uint64).sum() % 2**32)
    return np.asarray(right["Whh"] * random.uniform(0.5, 1.5, right["Whh"].shape))


def test_what_nothing_explains_is_not_named() -> None:
    """A gradient that is wrong by chance has no name; the same gradient, transposed, has one."""
    whh = instead("char_rnn", "Whh", noise)

    assert failure_of(report_on(whh)).diagnosis is None
    assert told(report_on(mended(char_rnn.gradients, "Whh", np.transpose))).kind == "mutant"


@pytest.mark.parametrize(
    "declared",
    [
        {"clip": "value"},
        {"clip": "global-norm"},
        {"clip": "value:5", "dtype": "float32"},
        {"dtype": "float32"},
        {"fixed": {"h0": 0}},
        {"fixed": {"h0": 0, "loss_weights": 1}},
        {"dims": {"H": 3, "T": (2, 6)}},
        {"digits": 6},
    ],
)
def test_a_bug_is_named_whatever_is_declared(declared: dict[str, Any]) -> None:
    """Under clips, in float32, with arrays that are fixed, of one size, to a few digits."""
    assert told(rnnverify.verify(SLIP, "char_rnn", cases=40, **declared)).name == NAME


@pytest.mark.parametrize(("scale", "axis"), [("1/T", "T"), ("-1/(V*H)", "VH")])
@pytest.mark.parametrize("clip", ["none", "value"])
def test_a_bug_is_named_under_a_scale(scale: str, axis: str, clip: str) -> None:
    """A mean in place of a sum, clipped or not, does not hide which bug it is."""
    sign = -1 if scale.startswith("-") else 1

    def scaled(case: Case) -> dict[str, Any]:
        factor = sign / np.prod([case.dims[each] for each in axis])
        return dict(SLIP(case.with_arrays({"loss_weights": factor * case["loss_weights"]})))

    assert told(rnnverify.verify(scaled, "char_rnn", cases=40, scale=scale, clip=clip)).name == NAME


def test_a_bug_is_named_from_some_gradients() -> None:
    """Where only some are returned, those must tell; what they do not show is not told."""

    def some(*names: str) -> Report:
        def returned(case: Case) -> dict[str, Any]:
            found = SLIP(case)
            return {name: found[name] for name in names}

        return rnnverify.verify(returned, "char_rnn", cases=40, gradients=names)

    assert told(some("Whh", "bh")).name == NAME
    assert some("Why", "by").ok


def test_a_bug_is_named_under_lengths() -> None:
    """Sequences of a batch may have lengths of their own."""
    slip = edited(elman, ("dhnext = dz[t] @ Wh.T", "dhnext = dz[t] @ Wh"))
    report = rnnverify.verify(slip, "elman", cases=40, lengths=True, dims=SMALL["elman"])

    assert told(report).name == NAME


def test_what_is_right_is_not_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that passes never asks, nor does a check of one case; one that fails does."""

    class AskedError(Exception):
        pass

    def asked(*_: Any) -> Any:
        raise AskedError

    monkeypatch.setattr(explaining, "diagnose", asked)

    assert rnnverify.verify(char_rnn.gradients, "char_rnn", cases=20).failure is None
    assert rnnverify.check(char_rnn_case(), SLIP).kind == "wrong"
    with pytest.raises(AskedError):
        rnnverify.verify(SLIP, "char_rnn", cases=20)


def test_a_bug_that_is_only_there_sometimes_is_not_named_as_one_that_always_is() -> None:
    """Cases that are right, though a known bug would show in them, refute that bug."""
    carry = edited(char_rnn, ("(dh[t] + dhnext)", "dh[t]"))

    def sometimes(case: Case) -> Any:
        wrong = np.linalg.norm(case["Whh"]) > 2
        return (carry if wrong else char_rnn.gradients)(case)

    report = rnnverify.verify(sometimes, "char_rnn", cases=100)

    assert report.failure is not None
    told = report.failure.diagnosis
    assert told is None or told.name not in ("carry_dropped", "nothing_carried_back")
