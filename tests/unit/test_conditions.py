"""Conditions: where it never goes wrong is told, unless chance would do as well."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from rnnverify.checker import check
from rnnverify.diagnosis.conditions import CHANCE, find_condition
from rnnverify.drawing import explore
from rnnverify.models import char_rnn
from rnnverify.records import Array, Case
from rnnverify.strategies import cases
from rnnverify.verdicts import Verdict
from tests.planting import instead, told


@cache
def matches(number: int = 120) -> tuple[Verdict, ...]:
    """Return verdicts on cases of any size in which all is right."""
    drawn: list[Case] = []
    explore(cases("char_rnn"), drawn.append, seed=0, cases=number)
    return tuple(check(case, char_rnn.gradients) for case in drawn)


def judged(fails: Callable[[Case], bool]) -> list[Verdict]:
    """Return verdicts as they would be if some cases failed."""
    return [replace(v, kind="wrong") if fails(v.case) else v for v in matches()]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("T = 1", lambda case: case.dims["T"] == 1),
        ("T > 1", lambda case: case.dims["T"] > 1),
        ("H = 1", lambda case: case.dims["H"] == 1),
        ("V ≠ H", lambda case: case.dims["V"] != case.dims["H"]),
        ("V = H", lambda case: case.dims["V"] == case.dims["H"]),
        ('the regime "state: zero"', lambda case: "state: zero" in case.regimes),
        ('the regime "weights: rounded"', lambda case: "weights: rounded" in case.regimes),
    ],
)
def test_where_all_is_right_is_told(text: str, right: Callable[[Case], bool]) -> None:
    """Sizes and regimes under which no case fails are named, with how often each was so."""
    verdicts = judged(lambda case: not right(case))
    found = find_condition(verdicts)
    counted = [v for v in verdicts if v.failed or not v.zero]

    assert found is not None
    assert found.text == text
    assert found.right == sum(right(v.case) for v in counted)
    assert found.failing == sum(v.failed for v in verdicts) == found.others


def test_not_all_others_need_to_fail() -> None:
    """Of the other cases only some fail, and it is said how many."""
    found = find_condition(judged(lambda case: case.dims["T"] > 2 and case.dims["H"] > 2))

    assert found is not None
    assert 0 < found.failing < found.others


def test_one_failure_under_a_condition_refutes_it() -> None:
    """All must be right there."""
    some = next(v.case for v in matches() if v.case.dims["T"] == 1 and not v.zero)
    found = find_condition(judged(lambda case: case.dims["T"] > 1 or case is some))

    assert found is None or found.text != "T = 1"


def test_where_nothing_fails_or_nothing_is_right_there_is_no_condition() -> None:
    """Nor where there are no verdicts at all."""
    assert find_condition([]) is None
    assert find_condition(matches()) is None
    assert find_condition(judged(lambda _: True)) is None


def test_cases_that_show_nothing_do_not_count() -> None:
    """Neither inconclusive ones, nor those in which every gradient is zero, are right."""
    verdicts = judged(lambda case: case.dims["T"] > 1)
    silent = [v if v.failed else replace(v, kind="inconclusive") for v in verdicts]

    assert find_condition(verdicts) is not None
    assert find_condition(silent) is None


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_chance_makes_no_condition(share: float) -> None:
    """If failures strike blindly, some condition is told in one run of a hundred at most."""
    number = 100
    told_of = 0
    for seed in range(number):
        random = np.random.default_rng(seed)
        blind = dict(zip(map(id, matches()), random.random(len(matches())) < share, strict=True))
        verdicts = [replace(v, kind="wrong") if blind[id(v)] else v for v in matches()]
        told_of += find_condition(verdicts) is not None

    assert told_of <= 1
    assert 30 * CHANCE * number < 1


def test_the_condition_is_told_in_a_sentence() -> None:
    """Where neither a bug nor a relation is found, it is said where all is right."""

    def noisy(case: Case, right: dict[str, Array]) -> Array:
        random = np.random.default_rng(case["Whh"].view(np.uint64).sum() % 2**32)
        wrong = right["bh"] * random.uniform(0.5, 1.5, right["bh"].shape)
        return np.asarray(wrong if case.dims["T"] > 1 else right["bh"])

    diagnosis = told(instead("char_rnn", "bh", noisy), "char_rnn").diagnosis

    assert diagnosis is not None
    assert (diagnosis.kind, diagnosis.name) == ("condition", "T = 1")
    assert diagnosis.text.startswith("right in all ")
    assert "cases with T = 1; of the" in diagnosis.text


def test_a_size_that_never_varies_is_told_as_a_number() -> None:
    """Where V is 2 in every case, code that fails but for T = 2 is not told to need T = V."""
    drawn: list[Case] = []
    explore(cases("char_rnn", dims={"V": 2, "T": (2, 5)}), drawn.append, seed=0, cases=80)
    verdicts = [
        replace(v, kind="wrong") if v.case.dims["T"] != 2 else v
        for v in (check(case, char_rnn.gradients) for case in drawn)
    ]
    found = find_condition(verdicts)

    assert found is not None
    assert found.text == "T = 2"
