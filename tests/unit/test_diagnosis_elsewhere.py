"""Diagnosis where little is known: systems of one's own, truncation, candidates with moods."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest

import rnnverify
from rnnverify.builtin import CHAR_RNN
from rnnverify.diagnosis.witnesses import MOST_FAILING, MOST_SECONDS, gather, gather_all
from rnnverify.errors import MismatchError, PassedOnError
from rnnverify.execution import FAILING, KEPT, Watch
from rnnverify.explaining import NONE, background, explain
from rnnverify.models import char_rnn, char_rnn_truncated
from rnnverify.records import Array, Candidate, Case
from rnnverify.results import Diagnosis
from rnnverify.runs import Batch
from rnnverify.terms import CONTRACT
from rnnverify.trials import Trial
from tests.planting import SMALL, drawn, instead
from tests.support import char_rnn_case, mended


def step(weights: Mapping[str, Any], h: Any, x: Mapping[str, Any]) -> tuple[Any, Any]:
    """Make one step of the README's own system."""
    h = jnp.tanh(weights["W"] @ h + weights["U"] @ x["x"])
    return h, jnp.sum((h - x["y"]) ** 2)


def whole(p: Mapping[str, Any]) -> Any:
    """Return the same loss, of a whole sequence."""
    h, total = p["h0"], jnp.zeros(())
    for t in range(len(p["x"])):
        h, loss_t = step(p, h, {"x": p["x"][t], "y": p["y"][t]})
        total = total + p["loss_weights"][t] * loss_t
    return total


@cache
def own(*, by_step: bool) -> rnnverify.System:
    """Return the system, by its step or by its loss."""
    return rnnverify.System(
        name="my_rnn",
        weights={"W": "H H", "U": "H D"},
        state={"h0": "H"},
        inputs={
            "x": "T D",
            "y": rnnverify.probabilities("T H"),
            "loss_weights": rnnverify.loss_weights("T"),
        },
        sizes={"T": (1, 6), "H": (4, 4), "D": (5, 5)}
        if by_step
        else {"T": (2, 3), "H": (3, 3), "D": (2, 2)},
        **({"step": step, "init": lambda _, state: state["h0"]} if by_step else {"loss": whole}),
    )


def by_hand(case: Case, *, most: int = 99) -> dict[str, Array]:
    """Return the gradients, of contributions that are carried back over less than so many steps."""
    W, U, x, T = case["W"], case["U"], case["x"], case.dims["T"]
    h = [case["h0"]]
    for t in range(T):
        h.append(np.tanh(W @ h[t] + U @ x[t]))
    dW, dU, dh0, dx = np.zeros_like(W), np.zeros_like(U), np.zeros_like(h[0]), np.zeros_like(x)
    for s in range(T):
        dh = 2 * case["loss_weights"][s] * (h[s + 1] - case["y"][s])
        for t in reversed(range(max(0, s - most + 1), s + 1)):
            dz = (1 - h[t + 1] ** 2) * dh
            dW, dU, dx[t] = dW + np.outer(dz, h[t]), dU + np.outer(dz, x[t]), dx[t] + U.T @ dz
            dh = W.T @ dz
        dh0 = dh0 + (dh if s < most else 0)
    return {"W": dW, "U": dU, "h0": dh0, "x": dx}


def told(candidate: Candidate, system: str | rnnverify.System, **declared: Any) -> Diagnosis | None:
    """Return the diagnosis of a failure, of which there must be one."""
    failure = rnnverify.verify(candidate, system, cases=40, **declared).failure
    assert failure is not None
    return failure.diagnosis


def name_of(diagnosis: Diagnosis | None) -> tuple[str, str] | None:
    """Return the kind and the name of a diagnosis."""
    return None if diagnosis is None else (diagnosis.kind, diagnosis.name)


def test_a_system_of_ones_own_has_relations_and_steps() -> None:
    """Without a catalogue, a factor is told, and so is what is cut off after two steps."""
    system = own(by_step=True)

    assert rnnverify.verify(by_hand, system, cases=20).ok
    doubled = mended(by_hand, "W", lambda g: 2 * g)
    assert name_of(told(doubled, system)) == ("relation", "factor_2")
    assert name_of(told(lambda case: by_hand(case, most=2), system)) == (
        "steps",
        "truncated_after_2_steps",
    )


def test_a_system_without_steps_has_relations_only() -> None:
    """With loss= alone, a transpose is told, but nothing of steps, and nothing goes wrong."""
    system = own(by_step=False)

    assert rnnverify.verify(by_hand, system, cases=20).ok
    assert name_of(told(mended(by_hand, "W", np.transpose), system)) == ("relation", "transpose")
    assert told(lambda case: by_hand(case, most=1), system) is None


@pytest.mark.parametrize("truncate", [2, "chunks:3"])
def test_truncated_code_is_no_mutant_of_code_that_is_not(truncate: Any) -> None:
    """Where losses go back only so far, relations are told, but no bug of the whole model."""
    right = char_rnn_truncated.gradients
    declared = {"truncate": truncate, "dims": SMALL["char_rnn"]}
    plain = told(char_rnn.gradients, "char_rnn", **declared)
    turned = mended(right, "Whh", np.transpose)

    assert rnnverify.verify(right, "char_rnn", cases=10, **declared).ok
    assert plain is None or plain.kind == "condition"
    assert name_of(told(turned, "char_rnn", **declared)) == ("relation", "transpose")


def raising(case: Case, right: Mapping[str, Any]) -> Array:
    """Return dWhh transposed, but raise where there are three units."""
    if case.dims["H"] == 3:
        message = "not three"
        raise ValueError(message)
    return np.asarray(right["Whh"].T)


def test_a_candidate_may_raise_on_the_way() -> None:
    """A case that gives nothing is left out, and what is wrong in the others is named."""
    candidate = instead("char_rnn", "Whh", raising)
    case = char_rnn_case(H=4)
    others = [char_rnn_case(H=H, T=T, seed=T) for H in (2, 3, 4) for T in (2, 3)]
    seen = [rnnverify.check(each, candidate) for each in (case, *others)]
    failure = explain(seen[0], candidate, CONTRACT, "", seen=seen)

    assert {"wrong", "invalid"} == {verdict.kind for verdict in seen}
    assert name_of(failure.diagnosis) == ("mutant", "recurrent_gradient_transposed")


def test_an_adapter_may_turn_cases_away() -> None:
    """What a test assumes away is left out of the diagnosis, too."""

    @rnnverify.gradient_test("char_rnn", cases=40)
    def some(case: Case) -> Mapping[str, Any]:
        hypothesis.assume(case["Whh"].sum() < 1)
        return mended(char_rnn.gradients, "Whh", np.transpose)(case)

    with pytest.raises(MismatchError):
        some()
    trial: Trial = vars(some)["rnnverify_trial"]
    told = "\n".join(trial.outcome(None, lambda _: "")["explained"])

    assert all(verdict.case["Whh"].sum() < 1 for verdict in trial.execution.watches[0].kept)
    assert "behaves like recurrent_gradient_transposed" in told


def test_only_a_slow_candidate_gets_fewer_witnesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds count in the candidate only: what is told does not hang on how fast we are."""
    some, now = drawn("char_rnn"), [0.0]
    monkeypatch.setattr("rnnverify.diagnosis.witnesses.time.monotonic", lambda: now[0])

    def taking(seconds: float) -> Candidate:
        def slow(case: Case) -> Mapping[str, Any]:
            now[0] += seconds
            return char_rnn.gradients(case)

        return slow

    quick = gather_all(some, taking(0), CONTRACT)
    slow = gather_all(some, taking(MOST_SECONDS), CONTRACT)

    assert len(quick) > 10
    assert len(slow) == 2
    assert len(gather(some[0], taking(MOST_SECONDS), CONTRACT, some[1:])) == 2


def test_failing_cases_and_right_ones_take_turns() -> None:
    """However few cases a slow candidate is called on, some of them could refute a diagnosis."""

    def wrong(case: Case) -> Mapping[str, Any]:
        returned = char_rnn.gradients(case)
        return returned | {"by": returned["by"] * (1 + case.dims["T"] % 2)}

    seen = [rnnverify.check(case, wrong) for case in drawn("char_rnn")]
    first = next(verdict for verdict in seen if verdict.failed)
    others = background(first.case, seen, NONE).others[:6]

    assert [rnnverify.check(case, wrong).failed for case in others] == [True, False] * 3


def test_right_cases_are_asked_after_all_failures() -> None:
    """However many cases fail, those that are right may still refute."""

    def wrong(case: Case) -> Mapping[str, Any]:
        returned = char_rnn.gradients(case)
        return returned | {"by": returned["by"] * (2 if case.dims["T"] > 1 else 1)}

    failing = [char_rnn_case(T=4, seed=seed) for seed in range(MOST_FAILING + 3)]
    right = [char_rnn_case(T=1, seed=seed) for seed in range(5)]
    found = gather(failing[0], wrong, CONTRACT, [*failing[1:], *right])

    assert [bool(each.failing) for each in found] == [True] * MOST_FAILING + [False] * 5


def test_what_is_turned_away_later_drops_no_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """A skip in a case that is asked besides leaves the diagnosis as it is."""

    def turned_away(*_: Any) -> None:
        raise PassedOnError(Exception())

    wrong = mended(char_rnn.gradients, "Whh", np.transpose)
    seen = [rnnverify.check(case, wrong) for case in drawn("char_rnn")]
    failed = next(verdict for verdict in seen if verdict.failed)
    for name in ("not_repeatable", "first_wrong_step", "find_fault"):
        monkeypatch.setattr(f"rnnverify.explaining.{name}", turned_away)
    failure = explain(failed, wrong, CONTRACT, "", seen=seen)

    assert name_of(failure.diagnosis) == ("mutant", "recurrent_gradient_transposed")
    assert (failure.step, failure.fault) == (None, None)


def test_failures_are_kept_however_late_they_come() -> None:
    """A diagnosis of a rare bug finds its cases, though they come after many that are right."""
    right = rnnverify.check(char_rnn_case(), char_rnn.gradients)
    wrong = rnnverify.check(char_rnn_case(), mended(char_rnn.gradients, "Whh", np.negative))
    watch = Watch(rnnverify.Clip(), CHAR_RNN.dims)
    for number in range(3 * KEPT):
        watch.add(Batch(0, 3 * KEPT, 0), number, right if number < 2 * KEPT else wrong)

    assert watch.kept == [*[right] * KEPT, *[wrong] * FAILING]
