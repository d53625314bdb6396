"""What pictures show: errors of entries and of steps, and where a candidate is defined."""

import functools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rnnverify import locating, runner
from rnnverify.adapters import jax_candidate
from rnnverify.builtin import CHAR_RNN
from rnnverify.comparing import compare
from rnnverify.defining import place_of
from rnnverify.evaluation import evaluate
from rnnverify.locating import errors_by_step
from rnnverify.loops import LOOPS
from rnnverify.models import char_rnn
from rnnverify.questions import questions
from rnnverify.records import Array, Candidate, Case, Clip, Interval
from rnnverify.results import Detail
from rnnverify.runner import execute
from rnnverify.runs import make_run
from rnnverify.tallying import Tally, largest
from rnnverify.terms import CONTRACT
from rnnverify.verdicts import Verdict, VerdictKind
from tests.made_reports import case, comparison, failure, matching
from tests.support import char_rnn_case, mended


def verdict(kind: VerdictKind = "match", *names: str, T: int = 2, **changes: Any) -> Verdict:
    """Return a verdict in which gradients are wrong, or not, as ``comparison`` has them."""
    found = case().replace(dims={"T": T, "V": 3, "H": 2})
    comparisons = tuple(comparison(name, right=kind == "match") for name in names or ("by",))
    return Verdict(kind=kind, case=found, comparisons=comparisons, **changes)


def test_errors_of_entries_are_in_tolerances() -> None:
    """And infinite where nothing is finite."""
    interval = Interval.of(np.array([1.0, 2.0]), np.array([0.5, 0.25]))
    errors = compare("b", np.array([2.0, math.nan]), interval, unit=2.0**-53).errors

    assert errors is not None
    assert errors.tolist() == [2.0, math.inf]


def test_the_largest_error_at_each_place_is_kept() -> None:
    """Arrays are as large as the largest; where no case reached, nothing is known."""
    wide, high = np.array([[1.0, 5.0, 2.0]]), np.array([[3.0], [0.0]])

    for first, second in ((wide, high), (high, wide)):
        found = largest(largest(None, first), second)
        np.testing.assert_array_equal(found, [[3, 5, 2], [0, math.nan, math.nan]])


def test_details_are_of_the_cases_that_are_judged() -> None:
    """Digits available come before those that agree; without being asked for, there are none."""
    found, doubtful = {}, replace(comparison("by"), errors=np.array([[7.0, 7.0]]))
    vague = replace(verdict("inconclusive"), comparisons=(doubtful,))
    for detailed in (True, False):
        tally = Tally({}, detailed=detailed)
        for each in (vague, verdict("wrong", "by"), verdict("match", "by")):
            tally.add(each)
        found[detailed] = tally.details
    detail = found[True]["by"]

    assert detail.errors is not None
    assert detail.errors.tolist() == [[0.0, 1e14]]
    assert detail.digits == ((13.5, 15.4), (13.5, 0.0), (13.5, 15.4))
    assert found[False] == {}


def steps_of(monkeypatch: pytest.MonkeyPatch, *verdicts: Verdict) -> Any:
    """Return the errors by step, where these are the verdicts on each step's loss."""

    def one_by_one(*_: object) -> Iterator[Verdict]:
        yield from verdicts

    monkeypatch.setattr(locating, "_step_by_step", one_by_one)
    asked = case().replace(dims={"T": 3})
    return errors_by_step(asked, char_rnn.gradients)


def test_what_is_inconclusive_of_a_step_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is NaN there; a gradient that is not always returned is left out."""
    vague = verdict("inconclusive", "by", "bh")
    found = steps_of(monkeypatch, verdict("match"), vague, verdict("wrong"))

    assert list(found) == ["by"]
    np.testing.assert_array_equal(found["by"], [0.1, math.nan, 1e14])


@pytest.mark.parametrize("hung", [False, True])
def test_an_invalid_candidate_has_no_errors_by_step(
    monkeypatch: pytest.MonkeyPatch, *, hung: bool
) -> None:
    """Nothing is half told, and what hangs is not called again."""
    right, bad = verdict("match"), verdict("invalid", hung=hung)

    assert steps_of(monkeypatch, right, bad, right) == {}


def stepped(monkeypatch: pytest.MonkeyPatch, kept: list[Verdict], failing: Any = None) -> list[int]:
    """Return how long the case is whose steps are asked for."""
    asked: list[int] = []

    def by_step(of: Case, *_: object) -> dict[str, tuple[float, ...]]:
        asked.append(of.dims["T"])
        return {"by": (0.1,) * of.dims["T"]}

    monkeypatch.setattr(runner, "errors_by_step", by_step)
    report = matching(details={name: Detail(errors=None, digits=()) for name in ("by", "Whh")})
    run: Any = SimpleNamespace(system=CHAR_RNN, candidate=None, terms=None)
    watch: Any = SimpleNamespace(kept=kept)
    found = runner._stepped(run, watch, report, failing)

    assert found["Whh"].axes == ("H", "H")
    assert found["by"].steps == (0.1,) * sum(asked)
    return asked


def test_the_longest_case_that_matches_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of zeros, and none that is inconclusive."""
    nothing = replace(comparison("by"), zero=True)
    zero = Verdict(kind="match", case=case().replace(dims={"T": 9}), comparisons=(nothing,))
    kept = [verdict(T=2), verdict(T=5), verdict(T=3), zero, verdict("inconclusive", T=8)]

    assert stepped(monkeypatch, kept) == [5]
    assert stepped(monkeypatch, []) == []


def test_the_failing_case_is_shown_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate that hung in it is not called again."""
    kept = [verdict(T=5)]
    hung = failure(verdict=verdict("invalid", hung=True))

    assert stepped(monkeypatch, kept, failure(verdict=verdict("wrong", T=4))) == [4]
    assert stepped(monkeypatch, kept, hung) == []


def test_a_run_has_details_if_they_are_asked_for() -> None:
    """Of every gradient: entries, steps, and axes; they show what is wrong."""
    wrong = mended(LOOPS["char_rnn"], "Whh", np.negative)
    given: dict[str, Any] = {"name": "x", "clips": ["none"], "dtype": "float64", "seed": 0}
    (report,), (plain,) = (
        execute(make_run(wrong, "char_rnn", cases=8, detailed=detailed, **given))
        for detailed in (True, False)
    )
    assert report.failure is not None
    long = report.failure.verdict.case.dims["T"]

    assert plain.details == {}
    assert {*report.details} == {*report.gradients}
    assert {len(each.steps) for each in report.details.values()} == {long}
    assert max(report.details["Whh"].steps) > 1 >= max(report.details["by"].steps)


def plain(case: Case) -> dict[str, Array]:
    """Return nothing."""
    assert case
    return {}


class Callable_:  # noqa: N801 - it only has to be callable
    """A candidate that is no function."""

    def __call__(self, case: Case) -> dict[str, Array]:
        """Return nothing."""
        return plain(case)

    def method(self, case: Case) -> dict[str, Array]:
        """Return nothing."""
        return plain(case)


@functools.wraps(plain)
def wrapper(case: Case) -> dict[str, Array]:
    """Stand for what decorators return."""
    return plain(case)


def test_a_candidate_is_where_its_own_code_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where it was wrapped; C code is nowhere."""
    monkeypatch.chdir(Path(__file__).parent)
    wrapped: list[Candidate] = [wrapper, functools.partial(plain), functools.partial(wrapper)]
    candidates: list[Candidate] = [plain, *wrapped]
    places = [place_of(each) for each in candidates]
    (own, method) = (place_of(Callable_()), place_of(Callable_().method))

    assert places[0] is not None
    assert places == [places[0]] * 4
    assert (places[0].file, places[0].line) == (Path(__file__).name, plain.__code__.co_firstlineno)
    assert own is not None
    assert method is not None
    assert (own.line, method.line) == (
        Callable_.__call__.__code__.co_firstlineno,
        Callable_.method.__code__.co_firstlineno,
    )
    assert place_of(len) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("jit", [False, True])
def test_a_loss_that_an_adapter_differentiates_is_where_it_was_written(*, jit: bool) -> None:
    """Not in the adapter."""

    def loss(arrays: dict[str, Any]) -> Any:
        return arrays["Whh"].sum()

    place = place_of(jax_candidate(loss, jit=jit))

    assert place is not None
    assert (Path(place.file).name, place.line) == (
        Path(__file__).name,
        loss.__code__.co_firstlineno,
    )


def test_what_was_seen_is_asked_again_as_it_was() -> None:
    """A threshold that was drawn from a case is not drawn once more when the case is replayed."""
    clip = Clip("value")
    drawn = char_rnn_case(T=3).replace(clip=clip, beyond=0.75)
    (seen,) = questions([clip], evaluate(CHAR_RNN, drawn), CONTRACT)
    (again,) = questions([seen.case.clip], evaluate(CHAR_RNN, seen.case), CONTRACT)

    assert seen.case.beyond == 0
    assert again.case.clip == seen.case.clip
    np.testing.assert_array_equal(again.case["loss_weights"], seen.case["loss_weights"])
