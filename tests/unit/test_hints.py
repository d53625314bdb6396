"""Hints: what a candidate ignores is found out, so that it can be declared."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.builtin import CHAR_RNN, ELMAN, LSTM
from rnnverify.checker import check
from rnnverify.conventions import find_conventions, lacking
from rnnverify.explaining import hints_for
from rnnverify.models import char_rnn
from rnnverify.records import Candidate, Case, Clip
from rnnverify.results import Report
from rnnverify.runs import make_run
from rnnverify.tallying import Tally
from tests.support import char_rnn_case, mended


def ignoring(*names: str, mean: bool = False) -> Candidate:
    """Return char_rnn's model for code that has no loss weights or initial state, or neither."""
    values = {"loss_weights": 1.0, "h0": 0.0}

    def candidate(case: Case) -> dict[str, Any]:
        arrays = {name: np.full_like(case[name], values[name]) for name in names}
        returned = char_rnn.gradients(case.with_arrays(arrays))
        return {name: g / (case.dims["T"] if mean else 1) for name, g in returned.items()}

    return candidate


def verify(candidate: Candidate, *, cases: int = 30, **declared: Any) -> Report:
    """Verify on few cases of char_rnn."""
    return rnnverify.verify(candidate, "char_rnn", cases=cases, **declared)


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize(
    ("names", "options", "fixed"),
    [
        (["loss_weights"], "--set loss_weights=1", '{"loss_weights": 1}'),
        (["h0"], "--set h0=0", '{"h0": 0}'),
        (
            ["loss_weights", "h0"],
            "--set loss_weights=1 --set h0=0",
            '{"loss_weights": 1, "h0": 0}',
        ),
    ],
)
def test_what_is_ignored_is_found_out(
    names: list[str], options: str, fixed: str, *, mean: bool
) -> None:
    """Just what a candidate lacks is named, also where it takes the mean besides."""
    report = verify(ignoring(*names, mean=mean))
    first, *more = report.hints

    assert report.verdict == "wrong"
    assert f"say so: {options} (fixed={fixed})" in first
    assert [mean] == [bool(more)]
    assert not more or '--scale=1/T (scale="1/T")' in more[0]


def test_what_a_hint_says_is_enough() -> None:
    """Declared as the hints say, the candidate matches."""
    candidate = ignoring("loss_weights", "h0", mean=True)

    assert verify(candidate, fixed={"loss_weights": 1, "h0": 0}, scale="1/T").ok


def test_what_is_declared_already_is_not_hinted_at() -> None:
    """Of two things that are ignored, the one that was not declared is named."""
    (hint,) = verify(ignoring("loss_weights", "h0"), fixed={"loss_weights": 1}).hints

    assert "say so: --set h0=0 (fixed=" in hint


@pytest.mark.parametrize("name", ["Whh", "Why", "h0"])
def test_a_bug_gives_no_hint(name: str) -> None:
    """A wrong gradient that no convention explains is not explained by one."""
    assert verify(mended(char_rnn.gradients, name, lambda g: g * 1.5)).hints == ()


def test_a_rare_bug_gives_no_hint() -> None:
    """That few cases match under a convention says nothing if they match without it."""

    def rare(case: Case) -> dict[str, Any]:
        returned = char_rnn.gradients(case)
        there = (case.dims["T"], case.dims["V"]) == (3, 5)
        return returned | {"Whh": -returned["Whh"] if there else returned["Whh"]}

    report = verify(rare, cases=200)

    assert report.verdict == "wrong"
    assert report.hints == ()


def test_a_candidate_that_hangs_is_not_asked_again_and_again() -> None:
    """While conventions are tried, the first call that takes too long is the last one."""
    calls = 0

    def slow(case: Case) -> dict[str, Any]:
        nonlocal calls
        if not np.any(case["h0"]):
            calls += 1
            time.sleep(1)
        return dict(mended(char_rnn.gradients, "Whh", np.negative)(case))

    run = make_run(
        slow,
        "char_rnn",
        name="slow",
        clips=["none"],
        dtype="float64",
        cases=9,
        seed=0,
        timeout=0.2,
    )
    hints_for(run, Clip(), "wrong", None)

    assert calls == 1


def test_a_match_gives_no_hint() -> None:
    """Nothing is tried on a candidate that is right."""
    assert verify(char_rnn.gradients, cases=9).hints == ()


def test_what_code_often_lacks() -> None:
    """Weights of losses and upstream gradients are 1 for it, states and the last upstream 0."""
    assert lacking(CHAR_RNN) == {"loss_weights": 1, "h0": 0}
    assert lacking(ELMAN) == {"G": 1, "h0": 0}
    assert lacking(LSTM) == {"G": 1, "G_cT": 0, "h0": 0, "c0": 0}


@pytest.mark.parametrize(
    ("failing", "fitting", "hinted"), [(5, 5, True), (24, 24, True), (4, 24, False), (24, 4, False)]
)
def test_few_cases_are_no_proof_of_a_convention(
    failing: int, fitting: int, *, hinted: bool
) -> None:
    """It must fail in five cases without one, and match in five with it, to be hinted at."""
    case = char_rnn_case()
    right = check(case, char_rnn.gradients)
    wrong = check(case, mended(char_rnn.gradients, "Whh", np.negative))

    def trial(fixed: Mapping[str, float]) -> Tally:
        tally = Tally(CHAR_RNN.dims)
        for verdict in fitting * [right] if fixed else failing * [wrong] + (24 - failing) * [right]:
            tally.add(verdict)
        return tally

    assert bool(find_conventions(CHAR_RNN, {}, trial, None)) == hinted


def test_what_hardly_ever_fails_is_tried_no_further() -> None:
    """No convention is tried on a candidate that matches without one."""
    asked: list[Mapping[str, float]] = []

    def trial(fixed: Mapping[str, float]) -> Tally:
        asked.append(fixed)
        return Tally(CHAR_RNN.dims)

    assert find_conventions(CHAR_RNN, {}, trial, None) == ()
    assert asked == [{}]
