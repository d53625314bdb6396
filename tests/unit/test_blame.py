"""Blame: a wrong backward pass is told from another forward pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify import blame
from rnnverify.blame import FIRST_ORDER, SECOND_ORDER, find_fault
from rnnverify.builtin import ELMAN_RELU
from rnnverify.clipping import clip_gradients
from rnnverify.evaluation import evaluate
from rnnverify.models import char_rnn, char_rnn_truncated, elman_relu, werbos
from rnnverify.questions import questions
from rnnverify.records import Array, Candidate, Case, Clip, Truncation
from rnnverify.terms import CONTRACT, make_terms
from tests.support import char_rnn_case, edited, mended

SLIP = edited(char_rnn, ("dhnext = dhraw[t] @ Whh", "dhnext = Whh @ dhraw[t]"))
CONSISTENT = edited(
    char_rnn,
    ("np.tanh(wx[t] + Whh.dot(h[t]), ", "np.tanh(2 * (wx[t] + Whh @ h[t]), "),
    ("slope = 1 - h[1:] ** 2", "slope = 2 * (1 - h[1:] ** 2)"),
)
"""Another activation, tanh 2z, with its own derivative."""


def side_of(candidate: Candidate, case: Case | None = None, **declared: Any) -> str | None:
    """Return which side is at fault in a case."""
    fault = find_fault(case or char_rnn_case(), candidate, make_terms(**declared))
    return None if fault is None else fault.side


def decayed(
    candidate: Candidate = char_rnn.gradients,
    *,
    over: str = "Why",
    weights: Sequence[str] = char_rnn.WEIGHTS,
) -> Candidate:
    """Return a candidate whose loss has half the squared length of a weight in it besides."""

    def changed(case: Case) -> dict[str, Any]:
        got = dict(candidate(case.replace(clip=Clip())))
        loss = got["loss"] + 0.5 * np.sum(case[over] ** 2)
        raw = got | {over: got[over] + case[over], "loss": loss}
        return raw | clip_gradients({n: raw[n] for n in weights if n in raw}, case.clip)

    return changed


def without_loss(candidate: Candidate) -> Candidate:
    """Return a candidate that returns no loss."""
    return lambda case: {n: g for n, g in candidate(case).items() if n != "loss"}


def order_of(candidate: Candidate, case: Case | None = None) -> float:
    """Return the order of the Taylor remainder of a candidate's own loss."""
    case = case or char_rnn_case()
    (question,) = questions([Clip()], evaluate(rnnverify.find_system(case.system), case), CONTRACT)
    got = {name: np.asarray(value, np.float64) for name, value in candidate(case).items()}
    return blame._order(question, candidate, got)


def test_with_the_right_loss_it_is_the_backward_pass() -> None:
    """A forward pass that gives the right loss is not to blame."""
    fault = find_fault(char_rnn_case(), SLIP, CONTRACT)

    assert fault is not None
    assert fault.side == "backward"
    assert "its loss is right" in fault.text


@pytest.mark.parametrize("candidate", [decayed(), CONSISTENT])
def test_with_gradients_of_its_own_loss_it_is_the_forward_pass(candidate: Candidate) -> None:
    """Another loss, differentiated rightly, is a matter of the forward pass."""
    fault = find_fault(char_rnn_case(), candidate, CONTRACT)

    assert fault is not None
    assert fault.side == "forward"
    assert "Taylor remainder of order 2.0" in fault.text


@pytest.mark.parametrize("over", ["Why", "Whh"])
def test_with_gradients_of_no_loss_it_is_the_backward_pass(over: str) -> None:
    """Where both are wrong, the backward pass is, and it is said that the loss is another."""
    fault = find_fault(char_rnn_case(), decayed(SLIP, over=over), CONTRACT)

    assert fault is not None
    assert fault.side == "backward"
    assert "Taylor remainder of order 1.0" in fault.text
    assert "the loss is another besides" in fault.text


@pytest.mark.parametrize("candidate", [SLIP, decayed(), char_rnn.gradients])
def test_without_a_loss_nothing_is_known(candidate: Candidate) -> None:
    """What cannot be told is not guessed, and what would help is said."""
    fault = find_fault(char_rnn_case(), without_loss(candidate), CONTRACT)

    assert fault is not None
    assert fault.side == "unknown"
    assert 'it returns no "loss"' in fault.text


def test_the_order_is_two_for_a_gradient_and_one_for_none() -> None:
    """The Taylor remainder shrinks like ε² for the gradients of its own loss, else like ε."""
    assert order_of(char_rnn.gradients) == pytest.approx(2, abs=0.1)
    assert order_of(decayed()) == pytest.approx(2, abs=0.1)
    assert order_of(SLIP) == pytest.approx(1, abs=0.1)
    assert order_of(mended(char_rnn.gradients, "Whh", np.negative)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("V", [2, 4])
def test_every_gradient_is_seen(V: int) -> None:
    """Entries that sum to zero, as those of dby do, do not vanish in the direction tried."""
    wrong = mended(char_rnn.gradients, "by", np.negative)

    assert order_of(wrong, char_rnn_case(V=V, H=1)) == pytest.approx(1, abs=0.1)


def test_the_order_is_two_where_nothing_remains() -> None:
    """A loss that is linear has no remainder, and its gradient is right."""

    def linear(case: Case) -> dict[str, Any]:
        ones = {name: np.ones_like(case[name]) for name in char_rnn.WEIGHTS}
        return ones | {"loss": sum(case[name].sum() for name in ones)}

    assert order_of(linear) == 2


def test_the_order_of_what_is_not_finite_is_unclear() -> None:
    """A loss that is infinite a step away says nothing, and nobody is blamed."""
    case, candidate = char_rnn_case(), decayed()
    start = case["Why"].tobytes()

    def elsewhere(case: Case) -> dict[str, Any]:
        got = dict(candidate(case))
        return got | {"loss": got["loss"] if case["Why"].tobytes() == start else np.inf}

    assert np.isnan(order_of(elsewhere, case))
    assert side_of(elsewhere, case) == "unknown"


@pytest.mark.parametrize(
    ("order", "side"),
    [
        (2.0, "forward"),
        (SECOND_ORDER, "forward"),
        (1.5, "unknown"),
        (np.nan, "unknown"),
        (FIRST_ORDER, "backward"),
        (1.0, "backward"),
        (0.0, "backward"),
    ],
)
def test_between_the_orders_nobody_is_blamed(order: float, side: str) -> None:
    """An order of neither one nor two, or none at all, is no evidence."""
    assert blame._by_order(order).side == side


@pytest.mark.parametrize("clip", ["value:0.01", "norm:0.01", "global-norm:0.01"])
@pytest.mark.parametrize(
    ("candidate", "side"), [(SLIP, "backward"), (decayed(), "forward"), (CONSISTENT, "forward")]
)
def test_a_clip_does_not_matter(candidate: Candidate, side: str, clip: str) -> None:
    """The candidate is asked for gradients that are not clipped, since those have a loss."""
    case = char_rnn_case().replace(clip=Clip.parse(clip))

    assert side_of(candidate, case) == side


def scaled(candidate: Candidate, *, loss_too: bool) -> Candidate:
    """Return a candidate that takes the mean over steps, of gradients and maybe of the loss."""

    def changed(case: Case) -> dict[str, Any]:
        got = candidate(case)
        return {n: v / case.dims["T"] if n != "loss" or loss_too else v for n, v in got.items()}

    return changed


@pytest.mark.parametrize(
    ("candidate", "side"), [(SLIP, "backward"), (decayed(), "forward"), (CONSISTENT, "forward")]
)
def test_a_declared_scale_does_not_matter(candidate: Candidate, side: str) -> None:
    """Gradients of a mean belong to a loss that is a sum, if the scale is declared."""
    assert side_of(scaled(candidate, loss_too=False), scale="1/T") == side


@pytest.mark.parametrize("candidate", [decayed(), CONSISTENT])
def test_a_loss_may_be_scaled_as_its_gradients_are(candidate: Candidate) -> None:
    """Who declares a mean may return the mean's loss, too, and its gradients belong to it."""
    assert side_of(scaled(candidate, loss_too=True), scale="1/T") == "forward"


def test_only_some_gradients_are_enough() -> None:
    """The test goes in the directions whose gradients are returned."""

    def some(case: Case) -> dict[str, Any]:
        got = decayed()(case)
        return {name: got[name] for name in ("Why", "Whh", "loss")}

    assert side_of(some, gradients=["Why", "Whh"]) == "forward"
    assert side_of(mended(some, "Whh", np.negative), gradients="Why Whh") == "backward"


@pytest.mark.parametrize("seed", range(4))
def test_in_float32_nobody_is_blamed_wrongly(seed: int) -> None:
    """Where few steps stand out from rounding, it may be unknown, but never the other side."""
    case = char_rnn_case(dtype="float32", seed=seed)

    assert side_of(SLIP, case) == "backward"
    assert side_of(decayed(), case) in ("forward", "unknown")
    assert side_of(decayed(SLIP), case) in ("backward", "unknown")


def test_beside_a_kink_it_is_told() -> None:
    """For relu, too, where no step crosses a kink."""
    random = np.random.default_rng(1)
    case = ELMAN_RELU.case(
        {
            "Wx": np.eye(3),
            "Wh": 0.1 * np.eye(3),
            "b": np.full(3, 4.0),
            "h0": np.ones((2, 3)),
            "x": random.uniform(1, 2, (4, 2, 3)),
            "G": random.standard_normal((4, 2, 3)),
        }
    )

    def other(case: Case) -> dict[str, Any]:
        got = dict(elman_relu.gradients(case))
        decay = 0.5 * np.sum(case["Wh"] ** 2)
        return got | {"Wh": got["Wh"] + case["Wh"], "loss": got["loss"] + decay}

    assert side_of(other, case) == "forward"
    assert side_of(mended(other, "b", lambda g: 2 * g), case) == "backward"


def test_no_array_of_the_case_is_changed() -> None:
    """What is tried is tried on copies."""
    case = char_rnn_case()
    before = {name: array.copy() for name, array in case.items()}
    find_fault(case, decayed(), CONTRACT)

    for name, array in case.items():
        np.testing.assert_array_equal(array, before[name])


def test_only_what_has_a_gradient_is_moved() -> None:
    """Token ids, targets and loss weights stay as they are."""
    case = char_rnn_case()

    def candidate(asked: Case) -> dict[str, Array]:
        for name in ("inputs", "targets", "loss_weights"):
            assert asked[name].tobytes() == case[name].tobytes()
        return dict(decayed()(asked))

    assert side_of(candidate, case) == "forward"


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_of_an_invalid_candidate_nothing_is_said(calls: int) -> None:
    """One that raises, at once or a step away, has no side."""
    left = iter(range(calls))

    def raises(case: Case) -> dict[str, Any]:
        next(left)
        return dict(decayed()(case))

    assert side_of(raises) is None


def test_of_truncated_gradients_no_loss_is_expected() -> None:
    """What is truncated is not the gradient of its loss, and nobody is blamed for that."""
    case = char_rnn_case().replace(truncation=Truncation(2))

    assert side_of(decayed(char_rnn_truncated.gradients), case) != "backward"


def test_entries_that_must_be_zero_are_not_moved() -> None:
    """A matrix that is strictly lower stays so, which a forward pass may rely on."""
    asked: list[Case] = []

    def candidate(case: Case) -> dict[str, Any]:
        asked.append(case)
        return dict(decayed(werbos.gradients, over="W1", weights=werbos.WEIGHTS)(case))

    report = rnnverify.verify(candidate, "werbos", cases=10)

    assert report.failure is not None
    assert report.failure.fault is not None
    assert report.failure.fault.side == "forward"
    assert not any(np.any(np.triu(case["W"])) for case in asked)


def test_a_report_says_whose_fault_it_is() -> None:
    """In the failure, in words, and for a right candidate not at all."""
    forward = rnnverify.verify(decayed(), "char_rnn", cases=20)
    backward = rnnverify.verify(SLIP, "char_rnn", cases=40)

    for report, side in ((forward, "forward"), (backward, "backward")):
        assert report.failure is not None
        assert report.failure.fault is not None
        assert report.failure.fault.side == side
        assert report.failure.fault.text in str(report)
