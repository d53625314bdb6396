"""Factors: of a wrong gradient it is solved which of its factors is wrong, and at which steps."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from rnnverify.builtin import CHAR_RNN, find_system
from rnnverify.diagnosis.factors import Factor, Shown, agreed, wrong_factor
from rnnverify.diagnosis.timing import since
from rnnverify.diagnosis.witnesses import gather_all, witness
from rnnverify.models import char_rnn, elman, lstm
from rnnverify.records import Candidate, Case
from rnnverify.systems import System
from rnnverify.terms import CONTRACT
from tests.planting import drawn, told
from tests.support import char_rnn_case, edited, mended

DWHH = '"Whh": dhraw.T @ h[:-1],'
DWHH_RIGHT = "dhraw.T @ h[:-1]"
DWH = '"Wh": h[:-1].reshape(len(rows), -1).T @ rows,'


@cache
def in_whh(text: str) -> Candidate:
    """Return char_rnn's model with another formula for dWhh."""
    return edited(char_rnn, (DWHH, f'"Whh": {text},'))


AFTER = in_whh("dhraw.T @ h[1:]")


def seen(candidate: Candidate, name: str, system: str = "char_rnn") -> tuple[str, int, int] | None:
    """Return what is seen of a gradient in cases of few steps and many units.

    It is the side, how many of the last steps are right, and the shift.
    """
    probes = gather_all(drawn(system, telling=True), candidate, CONTRACT)
    return told_of(agreed([wrong_factor(each, name) for each in probes if name in each.failing]))


def told_of(factor: Factor | None) -> tuple[str, int, int] | None:
    """Return the side, how many of the last steps are right, and the shift."""
    if factor is None:
        return None
    return factor.side, min(each.right for each in factor.shown), factor.shift


def factor(side: Any, right: int, shift: int = 0) -> Factor:
    """Return what one case of three steps shows."""
    return Factor(side=side, shift=shift, shown=(Shown(right, 3),))


@pytest.mark.parametrize("name", ["Wxh", "Whh"])
def test_a_wrong_carry_shows_from_the_last_step_but_one(name: str) -> None:
    """The adjoint of the last step has no carry in it, and is right; the one before is wrong."""
    slip = edited(char_rnn, ("dhnext = dhraw[t] @ Whh", "dhnext = Whh @ dhraw[t]"))

    assert seen(slip, name) == ("adjoint", 1, 0)


def test_a_wrong_slope_shows_from_the_last_step_on() -> None:
    """Every adjoint is wrong."""
    slope = edited(char_rnn, ("slope = 1 - h[1:] ** 2", "slope = 1 - h[1:]"))

    assert seen(slope, "Whh") == ("adjoint", 0, 0)


@pytest.mark.parametrize(
    ("text", "right", "shift"),
    [
        ("dhraw.T @ h[1:]", 0, 1),
        ("dhraw.T @ np.roll(h, 1, axis=0)[:-1]", 0, -1),
        ("dhraw.T @ np.roll(h[1:], 1, axis=0)", 2, 0),
    ],
)
def test_a_wrong_activation_is_told_from_a_wrong_adjoint(text: str, right: int, shift: int) -> None:
    """That of the step after, of the step before, or one that is wrong at step 0 only."""
    assert seen(in_whh(text), "Whh") == ("activation", right, shift)


def test_adjoints_of_the_step_after_are_told() -> None:
    """The adjoints in dWhh are those of one step later."""
    late = in_whh("np.concatenate([dhraw[1:], dh[-1:]]).T @ h[:-1]")

    assert seen(late, "Whh") == ("adjoint", 0, 1)


def test_sides_may_be_swapped() -> None:
    """Where a weight stands on the right, its activations are the rows; gates share theirs."""
    carry = edited(elman, ("dhnext = dz[t] @ Wh.T", "dhnext = dz[t] @ Wh"))
    after = edited(elman, (DWH, DWH.replace("h[:-1]", "h[1:]")))
    cell = edited(lstm, ("dcnext = dc * f", "dcnext = dc * i"))

    assert seen(carry, "Wh", "elman") == ("adjoint", 1, 0)
    assert seen(after, "Wh", "elman") == ("activation", 0, 1)
    assert seen(cell, "Wx", "lstm") == ("adjoint", 1, 0)


@pytest.mark.parametrize(
    "candidate",
    [
        in_whh("2 * dhraw.T @ h[:-1]"),
        in_whh("np.cos(dhraw.T @ h[:-1])"),
        in_whh("dhraw.T @ (h[:-1] * (np.arange(len(inputs)) > 0)[:, None])"),
    ],
)
def test_what_cannot_be_told_is_not(candidate: Candidate) -> None:
    """A constant may be in either; of some errors neither is right, of some both could be."""
    assert seen(candidate, "Whh") is None


def test_right_gradients_have_no_wrong_factor() -> None:
    """What is left by rounding is not taken for an error."""
    found = gather_all(drawn("char_rnn", telling=True), char_rnn.gradients, CONTRACT)

    assert found
    assert {wrong_factor(each, "Whh") for each in found} == {None}


def test_what_is_not_finite_has_no_wrong_factor() -> None:
    """NaN solves nothing."""
    bad = mended(AFTER, "Whh", lambda g: g * np.nan)

    assert seen(bad, "Whh") is None


def test_steps_must_be_fewer_than_units() -> None:
    """As many steps as units span everything, so that nothing is told."""
    few, many = (witness(char_rnn_case(T=T, H=5, V=6), AFTER, CONTRACT) for T in (3, 5))

    assert few is not None
    assert many is not None
    assert told_of(wrong_factor(few, "Whh")) == ("activation", 0, 1)
    assert wrong_factor(many, "Whh") is None


def test_what_is_no_matrix_has_no_factors() -> None:
    """Biases and states are sums of adjoints alone."""
    slope = edited(char_rnn, ("slope = 1 - h[1:] ** 2", "slope = 1 - h[1:]"))
    found = witness(char_rnn_case(T=3, H=5), slope, CONTRACT)

    assert found is not None
    assert {"bh", "h0"} <= found.failing
    assert wrong_factor(found, "bh") is wrong_factor(found, "h0") is None


def test_without_steps_nothing_is_split() -> None:
    """Neither where the reference is a whole loss, nor where it is truncated."""
    system = find_system("char_rnn")
    whole = System(
        name="whole",
        weights=system.weights,
        state=system.state,
        inputs=system.inputs,
        loss=lambda p: (p["Whh"] ** 2).sum(),
    )
    case = char_rnn_case(T=3, H=5)
    alone = whole.case(dict(case), dtype="float64")
    cut = CHAR_RNN.case(dict(case), truncate=2)

    for each in (alone, cut):
        found = witness(each, AFTER, CONTRACT)
        assert found is not None
        assert "Whh" in found.failing
        assert wrong_factor(found, "Whh") is None


LATE, EARLY = factor("activation", 2, shift=1), factor("activation", 1)
OTHER, NEITHER = factor("adjoint", 1), Factor(side="neither")


def test_cases_must_agree() -> None:
    """Three at least, on the side; of the right steps the fewest count, and shifts must be one."""
    assert agreed([LATE, None, LATE]) is None
    assert agreed([LATE, LATE, OTHER]) is None
    assert agreed([LATE, LATE, LATE, NEITHER]) is None
    assert told_of(agreed([LATE, None, LATE, LATE])) == ("activation", 2, 1)
    assert told_of(agreed([LATE, LATE, EARLY])) == ("activation", 1, 0)
    several = agreed([LATE, None, LATE, LATE])
    assert several is not None
    assert len(several.shown) == 3


def test_where_both_factors_are_wrong_in_some_cases_neither_is_named() -> None:
    """A case in which neither alone explains the error refutes what others seem to say."""
    both = in_whh("np.cos(9 * dhraw).T @ np.cos(9 * h[1:])")
    one = in_whh("dhraw.T @ h[1:]")

    def mixed(case: Case) -> Any:
        return (both if case["inputs"][0] % 2 else one)(case)

    assert seen(one, "Whh") == ("activation", 0, 1)
    assert seen(mixed, "Whh") is None


def test_rounding_is_not_taken_for_a_wrong_step() -> None:
    """Of a carry in single precision, nothing more is told than rounding leaves to be seen."""
    leaking = edited(char_rnn, ("dhraw[t] @ Whh", "dhraw[t].astype(np.float32) @ Whh"))
    tiny = in_whh("dhraw.T @ h[:-1] + 1e-15 * dhraw.T @ h[1:]")

    assert seen(leaking, "Whh") in (None, ("adjoint", 1, 0))
    assert seen(tiny, "Whh") is None


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([(1, 2), (1, 3), (1, 4)], "first differs at step T-2; the last step is right"),
        ([(2, 3), (2, 4)], "first differs at step T-3; the last 2 steps are right"),
        ([(0, 2), (0, 3)], "differs from the last step, T-1, on"),
        ([(1, 2), (2, 3), (3, 4)], "differs at step 0 only"),
        ([(0, 3), (1, 4)], "differs from step 2 on, backwards"),
        ([(0, 2), (2, 4), (1, 3), (0, 4)], "differs from the last step, T-1, on"),
        ([(0, 4), (2, 3)], ""),
        ([(1, 3), (1, 3)], "first differs at step T-2; the last step is right"),
        ([], ""),
    ],
)
def test_steps_are_counted_from_the_end_or_from_the_start(
    shown: list[tuple[int, int]], said: str
) -> None:
    """Only what holds for two lengths of sequences is told, if there are two."""
    assert since([Shown(*each) for each in shown]) == said


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (
            "np.exp(dhraw).T @ h[:-1]",
            "adjoint_wrong",
            "the adjoints in dWhh differ from the last step, T-1, on",
        ),
        (
            "dhraw.T @ np.roll(h[1:], 1, axis=0) ** 3",
            "activation_wrong",
            "the adjoints in dWhh are right, but not what they are multiplied by, which",
        ),
        (
            "dhraw.T @ h[1:]",
            "activation_of_another_step",
            "in dWhh each adjoint is multiplied by what belongs to the step after",
        ),
        (
            "np.concatenate([dhraw[1:], dh[-1:]]).T @ h[:-1]",
            "adjoint_of_another_step",
            "the adjoints in dWhh are those of the step after, and differ",
        ),
    ],
)
def test_a_wrong_factor_is_told(text: str, name: str, said: str) -> None:
    """Where nothing plainer explains a gradient, its wrong factor is named in a sentence."""
    diagnosis = told(in_whh(text), "char_rnn").diagnosis

    assert diagnosis is not None
    assert ("steps", name) == (diagnosis.kind, diagnosis.name)
    assert diagnosis.text.startswith(said)
    assert diagnosis.confirmed_on >= 3


def test_nearly_parallel_steps_make_nothing_of_rounding() -> None:
    """An error of step 0 alone is not solved for where rounding would make all steps look wrong."""
    small: dict[str, Any] = {"Wxh": 1e-4 * np.ones((5, 6)), "Whh": 1e-4 * np.ones((5, 5))}
    late = in_whh(f"{DWHH_RIGHT} + 1e-9 * np.outer(np.cos(dhraw[0]), h[0])")
    early = in_whh(f"{DWHH_RIGHT} + 1e-9 * np.outer(np.cos(dhraw[2]), h[2])")
    apart, alike = (char_rnn_case(T=3, H=5, V=6, **arrays) for arrays in ({}, small))

    for candidate, right in ((late, 2), (early, 0)):
        clear, blurred = (witness(case, candidate, CONTRACT) for case in (apart, alike))
        assert clear is not None
        assert blurred is not None
        assert "Whh" in blurred.failing
        assert told_of(wrong_factor(clear, "Whh")) == ("adjoint", right, 0)
        assert wrong_factor(blurred, "Whh") is None


def test_where_a_matrix_is_not_explained_no_step_is_called_right() -> None:
    """The adjoints in dWxh are right at the last step; of those in dWhh that is not known."""
    both = edited(
        char_rnn,
        ("dhnext = dhraw[t] @ Whh", "dhnext = np.cos(9 * dhraw[t])"),
        (DWHH, '"Whh": np.cos(9 * dhraw).T @ np.cos(9 * h[1:]),'),
    )
    found = told(both, "char_rnn")

    assert found.since == ""
    assert found.diagnosis is not None
    assert found.diagnosis.text.endswith("; where dWhh comes from is not known")
