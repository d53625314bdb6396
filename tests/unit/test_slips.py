"""The slips in print of the sources: the printed form fails, the corrected one matches.

For char_rnn: a public line-by-line explanation of min-char-rnn. Its code is kept as it is printed,
but for the loss weights that a case brings; each test mends it, or leaves one slip in.
For binary_adder: the blog that the source explains.
"""

import re
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.checker import check
from rnnverify.models import binary_adder
from rnnverify.records import Array, Candidate, Case
from rnnverify.verdicts import Verdict
from tests.support import binary_adder_case, char_rnn_case

CASE = char_rnn_case(T=6, V=5, H=3, seed=4)
NAMES = ("Wxh", "Whh", "Why", "bh", "by")

LOOP = """
for t in reversed(range(T)):
    dy = np.copy(ps[t])
    dy[targets[t]] -= 1 # backprop into y
    dy *= w[t]
    dWhy += np.outer(dy, hs[t])
    dby += dy
    dh = np.dot(Why.T, dy) + dhnex
    dhraw = (1 - hs[t] * hs[t]) * dh
    dbh += dhrw
    dWxh += np.outer(dhrw, xs[t])
    dWhh += np.outer(dhrw, hs[t-1])
    dhnnext = np.dot(Whh.T, dhrw)
"""
ONE_NAME = {r"\bdhrw\b": "dhraw"}
CARRIED = {r"\bdhnn?ext?\b": "dhnext"}


def explained(
    *, loop: str = LOOP, bias: bool = True, start: str = "dhnext", loss: str = "z"
) -> Candidate:
    """Return the explanation's code as a candidate.

    Args:
        loop: Its backward loop.
        bias: Whether ``bh`` is added in the forward pass.
        start: The name of the carry that is zero before the loop.
        loss: Whether the cost is taken at the target ``z`` or, as printed, at the input ``x``.
    """

    def gradients(case: Case) -> dict[str, Array]:
        scope: dict[str, Any] = dict(case) | {
            "np": np,
            "T": case.dims["T"],
            "w": case["loss_weights"],
        }
        xs, hs, ps = forward(case, bias=bias)
        scope |= {"xs": xs, "hs": hs, "ps": ps, start: np.zeros(case.dims["H"])}
        scope |= {f"d{name}": np.zeros_like(case[name]) for name in NAMES}
        exec(loop, {}, scope)  # noqa: S102 - the printed code is the object of the test
        cost = -sum(
            case["loss_weights"][t] * np.log(ps[t][case["targets" if loss == "z" else "inputs"][t]])
            for t in range(case.dims["T"])
        )
        return {name: scope[f"d{name}"] for name in NAMES} | {"loss": cost}

    return gradients


def forward(
    case: Case, *, bias: bool
) -> tuple[dict[int, Array], dict[int, Array], dict[int, Array]]:
    """Run the forward pass as it is printed; ``h_t`` is printed without ``bh``."""
    xs, hs, ps = {}, {-1: case["h0"].copy()}, {}
    for t, token in enumerate(case["inputs"]):
        xs[t] = np.eye(case.dims["V"])[token]
        hraw = case["Wxh"] @ xs[t] + case["Whh"] @ hs[t - 1]
        hs[t] = np.tanh(hraw + case["bh"] if bias else hraw)
        y = case["Why"] @ hs[t] + case["by"]
        ps[t] = np.exp(y) / np.sum(np.exp(y))
    return xs, hs, ps


def mended(*changes: dict[str, str], loop: str = LOOP) -> str:
    """Return the loop with names changed."""
    for pattern, name in (item for change in changes for item in change.items()):
        loop = re.sub(pattern, name, loop)
    return loop


RIGHT = mended(ONE_NAME, CARRIED)


def wrong(verdict: Verdict) -> set[str]:
    """Return the gradients that differ."""
    return {each.gradient for each in verdict.comparisons if each.kind != "match"}


def test_with_every_slip_mended_it_matches() -> None:
    """One name a quantity, bh in h_t, the target in the cost: all gradients and the loss match."""
    verdict = check(CASE, explained(loop=RIGHT))

    assert verdict.kind == "match"
    assert verdict.notes == ()
    assert rnnverify.verify(explained(loop=RIGHT), "char_rnn", cases=60).counts.get("wrong", 0) == 0


@pytest.mark.parametrize("start", ["dhnext", "dhnnext"])
def test_as_printed_it_stops_with_a_name_error(start: str) -> None:
    """``dhnex`` is read and never written; so is ``dhrw``."""
    verdict = check(CASE, explained(start=start))

    assert verdict.kind == "invalid"
    assert "NameError: name 'dhnex'" in verdict.message
    verdict = check(CASE, explained(start="dhnex"))
    assert "NameError: name 'dhrw'" in verdict.message


def test_with_dhnex_set_to_zero_it_carries_nothing() -> None:
    """``dhnnext`` is written and never read, so the carry is silently dropped."""
    verdict = check(CASE, explained(loop=mended(ONE_NAME), start="dhnex"))

    assert verdict.kind == "wrong"
    assert wrong(verdict) == {"Wxh", "Whh", "bh"}


def test_hidden_states_without_their_bias_are_wrong() -> None:
    """``h_t`` is printed without ``bh``, though ``dbh`` is computed."""
    assert check(CASE, explained(loop=RIGHT, bias=False)).kind == "wrong"


def test_the_printed_derivative_of_the_cost_is_wrong() -> None:
    """``∂Cost/∂y = p - x``, x "at targets[t]": it is the target z, not the input x."""
    printed = RIGHT.replace("dy[targets[t]] -= 1", "dy -= xs[t]")

    assert check(CASE, explained(loop=printed)).kind == "wrong"


def test_subtracting_y_is_wrong() -> None:
    """Not y, as the text has it, but the one-hot target is subtracted from p."""
    printed = RIGHT.replace("dy[targets[t]] -= 1", "dy -= Why @ hs[t] + by")

    assert check(CASE, explained(loop=printed)).kind == "wrong"


def test_the_printed_cost_reads_the_wrong_symbol() -> None:
    """``Cost = -Σ log Σ_k p_k x_k`` is a cost of the input, not of the target: a note."""
    verdict = check(CASE, explained(loop=RIGHT, loss="x"))

    assert verdict.kind == "match"
    assert verdict.notes == ("the loss differs from the reference's",)


def test_the_printed_summand_has_the_wrong_sign() -> None:
    """``C_t = log Σ_k p_k x_k`` lacks the minus that ``Cost`` has, even with the right symbol."""
    right = explained(loop=RIGHT)
    verdict = check(CASE, lambda case: dict(right(case)) | {"loss": -right(case)["loss"]})

    assert verdict.notes == ("the loss differs from the reference's",)


def test_the_second_display_for_Why_is_that_of_by() -> None:  # noqa: N802 - the weight's name
    """Its value, ∂Cost_t/∂y_t, has the shape of by, and is the gradient of by."""
    printed = RIGHT.replace("dWhy += np.outer(dy, hs[t])", "dWhy = dby")
    verdict = check(CASE, explained(loop=printed))

    assert verdict.kind == "invalid"
    assert "gradient of Why has the shape (5,), but must have (5, 3)" in verdict.message


ADDER = binary_adder_case(T=6, H=3, seed=2)


def adder(*, term: str = "two", factor: float = 1.0) -> Candidate:
    """Return binary_adder's gradients by the line for layer_1_delta, two terms or three."""

    def gradients(case: Case) -> dict[str, Array]:
        l1, l2 = binary_adder.forward(case)
        w = case["loss_weights"][:, None]
        l2_delta = w * (l2 - case["y"]) * l2 * (1 - l2)
        future, l1_delta = np.zeros(case.dims["H"]), np.zeros_like(l1[1:])
        for t in reversed(range(case.dims["T"])):
            error = future @ case["Sh"].T + l2_delta[t] @ case["S1"].T
            if term == "three":  # "the errors from the current hidden layer", whatever those are
                error = error + (future if t else 0)
            l1_delta[t] = future = error * l1[t + 1] * (1 - l1[t + 1])
            if term == "layer_2 ahead":
                future = np.resize(l2_delta[t], case.dims["H"])
        returned = {
            "S0": case["x"].T @ l1_delta,
            "Sh": l1[:-1].T @ l1_delta,
            "S1": l1[1:].T @ l2_delta,
        }
        return {name: factor * gradient for name, gradient in returned.items()}

    return gradients


def test_the_line_has_two_terms() -> None:
    """future_layer_1_delta · Shᵀ and layer_2_delta · S1ᵀ, times the slope, are all there is."""
    assert check(ADDER, adder()).kind == "match"


def test_three_terms_are_wrong() -> None:
    """With a term of the current hidden layer added, as the line is often read, it is wrong."""
    assert check(ADDER, adder(term="three")).kind == "wrong"


def test_future_layer_1_is_not_layer_2() -> None:
    """Read as layer_2's delta, the "future layer" gives a wrong gradient."""
    assert check(ADDER, adder(term="layer_2 ahead")).kind == "wrong"


def test_the_blogs_updates_are_minus_the_gradient() -> None:
    """The blog adds its updates, so its arrays have the opposite sign."""
    verdict = check(ADDER, adder(factor=-1.0))

    assert (verdict.kind, verdict.ratio) == ("scaled", -1)
    assert all(each.got == pytest.approx(-each.want) for each in verdict.comparisons)


def test_the_printed_error_is_not_the_loss() -> None:
    """Σ|y - l2| is printed, ½ Σ (y - l2)² is differentiated: a note, beside right gradients."""

    def blog(case: Case) -> dict[str, Array]:
        _, l2 = binary_adder.forward(case)
        return dict(adder()(case)) | {"loss": np.abs(case["y"] - l2).sum()}

    verdict = check(ADDER, blog)

    assert verdict.kind == "match"
    assert verdict.notes == ("the loss differs from the reference's",)
