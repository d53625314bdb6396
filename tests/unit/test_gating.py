"""Gating: each kind of regression is found, and what is no worse is not accused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rnnverify.gating.baselines import Baseline, Entry, Figures, Gradient, Kills
from rnnverify.gating.regressions import compare, differing, others

GRADIENT = Gradient(worst=0.1, agree=15.0, conclusive=90.0)
FIGURES = Figures(verdict="match", conclusive=90.0, active=40.0, gradients={"W": GRADIENT})
ENTRY = Entry(
    cases=50, seed=0, regimes=("T = 1", "weights: tiny"), clips={"value": FIGURES}, pace=2.0
)


def baseline(entry: Entry | None = ENTRY, **mutants: Kills) -> Baseline:
    """Return a baseline of one check at most."""
    return Baseline(checks={} if entry is None else {"check": entry}, mutants=mutants)


def with_gradient(**figures: Any) -> Entry:
    """Return the entry with other figures of its gradient."""
    return with_figures(gradients={"W": replace(GRADIENT, **figures)})


def with_figures(**figures: Any) -> Entry:
    """Return the entry with other figures under its clip."""
    return replace(ENTRY, clips={"value": replace(FIGURES, **figures)})


def kinds(before: Baseline, now: Baseline, **asked: Any) -> Sequence[str]:
    """Return the kinds of what is worse."""
    return [each.kind for each in compare(before, now, **{"whole": True, **asked})]


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (with_figures(verdict="wrong"), "verdict"),
        (with_figures(verdict="inaccurate"), "verdict"),
        (with_figures(verdict="inconclusive"), "inconclusive"),
        (with_gradient(worst=1.01), "accuracy"),
        (with_gradient(agree=13.9), "digits"),
        (with_gradient(agree=None), "digits"),
        (with_figures(conclusive=84.9), "conclusive"),
        (with_figures(conclusive=None), "conclusive"),
        (with_gradient(conclusive=84.9), "conclusive"),
        (with_figures(gradients={}), "conclusive"),
        (with_figures(active=0.0), "clip"),
        (replace(ENTRY, clips={"none": FIGURES}), "clip"),
        (replace(ENTRY, regimes=("T = 1",)), "regime"),
        (replace(ENTRY, cases=49), "cases"),
    ],
)
def test_each_regression_is_found(now: Entry, kind: str) -> None:
    """It is named by its kind, alone, with the check and both figures."""
    (found,) = compare(baseline(), baseline(now), whole=True)

    assert (found.check, found.kind) == ("check", kind)
    assert found.text


@pytest.mark.parametrize(
    "now",
    [
        ENTRY,
        with_gradient(worst=1.0),
        with_gradient(worst=None),
        with_gradient(agree=14.0),
        with_figures(conclusive=85.0),
        with_gradient(conclusive=85.0),
        with_figures(active=0.1),
        with_gradient(worst=0.0, agree=16.0, conclusive=100.0),
        replace(ENTRY, cases=500, seed=7, regimes=(*ENTRY.regimes, "weights: large")),
        replace(ENTRY, clips={"value": FIGURES, "none": FIGURES}),
        replace(ENTRY, pace=200.0),
    ],
)
def test_what_is_within_bounds_is_no_regression(now: Entry) -> None:
    """A factor of ten, a digit, five points; a slower candidate, unless that is asked for."""
    assert kinds(baseline(), baseline(now)) == []


def test_the_smallest_errors_may_grow_to_what_right_code_has() -> None:
    """An error of nothing is luck: another machine's half a tolerance is no regression."""
    lucky = baseline(with_gradient(worst=0.0))

    assert kinds(lucky, baseline(with_gradient(worst=0.5))) == []
    assert kinds(lucky, baseline(with_gradient(worst=0.51))) == ["accuracy"]


def test_slowing_down_is_a_regression_beyond_the_factor() -> None:
    """Off unless a factor is given."""
    slower = baseline(replace(ENTRY, pace=4.1))

    assert kinds(baseline(), slower, slowdown=2) == ["speed"]
    assert kinds(baseline(), slower, slowdown=3) == []


def test_fewer_kills_are_a_regression() -> None:
    """Of as many mutants, one fewer; of another number, more than five points fewer."""
    before = baseline(code=Kills(killed=20, of=20))
    same = [Kills(killed=19, of=20, survived=("m",)), Kills(killed=20, of=20)]
    other = [Kills(killed=10, of=10), Kills(killed=29, of=30), Kills(killed=9, of=10)]

    assert [kinds(before, baseline(code=now)) for now in same] == [["mutants"], []]
    assert [kinds(before, baseline(code=now)) for now in other] == [[], [], ["mutants"]]


def test_survivors_are_named() -> None:
    """Those that did not survive before."""
    before = Kills(killed=2, of=3, survived=("old",))
    now = Kills(killed=1, of=3, survived=("new", "old"))
    (found,) = compare(baseline(code=before), baseline(code=now), whole=True)

    assert found.text.endswith("now survive: new")


def test_a_check_that_is_no_longer_made_is_a_regression_of_the_whole() -> None:
    """Not where only some checks were named."""
    assert kinds(baseline(), baseline(None)) == ["missing"]
    assert kinds(baseline(), baseline(None), whole=False) == []


def test_a_new_check_has_to_match() -> None:
    """It is a note if it does."""
    empty, wrong = baseline(None), baseline(with_figures(verdict="wrong"))

    assert kinds(empty, baseline()) == []
    assert len(list(others(empty, baseline()))) == 1
    assert kinds(empty, wrong) == ["verdict"]


def test_what_was_no_match_may_stay_so_and_not_become_worse() -> None:
    """That is a note, and so is what has become a match."""
    inaccurate = baseline(with_figures(verdict="inaccurate"))
    wrong = baseline(with_figures(verdict="wrong"))

    assert kinds(inaccurate, inaccurate) == []
    assert kinds(inaccurate, wrong) == ["verdict"]
    assert len(list(others(inaccurate, inaccurate))) == 1
    assert len(list(others(inaccurate, baseline()))) == 1
    assert list(others(baseline(), baseline())) == []


def test_a_run_that_ended_early_is_told_once() -> None:
    """What an invalid candidate does not cover is not held against the cases."""
    invalid = replace(with_figures(verdict="invalid"), cases=1, regimes=())

    assert kinds(baseline(), baseline(invalid)) == ["verdict"]


def test_other_versions_are_notes() -> None:
    """Each is named with that of the baseline."""
    found = differing({"jax": "1", "numpy": "2"}, {"jax": "3", "numpy": "2", "new": "1"})

    assert found == ["jax 3; the baseline was made with 1"]
