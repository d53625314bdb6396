"""Arrays held at a value, and clips over other arrays than the weights."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.builtin import CHAR_RNN
from rnnverify.checker import check, check_under
from rnnverify.clipping import clip_gradients
from rnnverify.errors import UsageError
from rnnverify.models import char_rnn, elman
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.restrictions import Restrictions
from rnnverify.results import Report
from tests.support import char_rnn_case, mended

ALL = (*char_rnn.WEIGHTS, "h0")


def verify(candidate: Candidate, *, cases: int = 20, **declared: Any) -> Report:
    """Verify on few cases of char_rnn."""
    return rnnverify.verify(candidate, "char_rnn", cases=cases, **declared)


def without(*names: str) -> Candidate:
    """Return the model, some of its gradients being left out."""
    return lambda case: {n: g for n, g in char_rnn.gradients(case).items() if n not in names}


def ignoring(**values: float) -> Candidate:
    """Return the model for code that lacks some arrays: to it, they have these values."""

    def candidate(case: Case) -> dict[str, Array]:
        arrays = {name: np.full_like(case[name], value) for name, value in values.items()}
        return char_rnn.gradients(case.with_arrays(arrays))

    return candidate


def clipping(*over: str) -> Candidate:
    """Return the model, these gradients being clipped, and no others."""

    def candidate(case: Case) -> dict[str, Any]:
        raw = char_rnn.gradients(case.replace(clip=Clip()))
        return raw | clip_gradients({name: raw[name] for name in over}, case.clip)

    return candidate


def unreached(_case: Case) -> dict[str, Array]:
    """Fail the test: nothing was to be run."""
    pytest.fail("was called")


class Seen:
    """Remembers what every case held that a candidate was asked about, and answers by another."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.values: dict[str, set[float]] = defaultdict(set)

    def __call__(self, case: Case) -> Any:
        """Answer."""
        for name, array in case.items():
            self.values[name] |= {float(entry) for entry in array.ravel()}
        return self.candidate(case)


def test_code_without_states_or_weights_of_the_loss_matches() -> None:
    """What a candidate lacks is declared, and is then in every case; else it does not match."""
    candidate = ignoring(h0=0, loss_weights=1)

    assert verify(candidate, fixed={"h0": 0, "loss_weights": 1}).ok
    assert verify(candidate, fixed={"loss_weights": 1}).verdict == "wrong"
    assert verify(candidate, fixed={"h0": 0}).verdict == "wrong"


def test_what_is_fixed_is_reported() -> None:
    """The report says what was declared."""
    report = verify(char_rnn.gradients, cases=3, fixed={"h0": 0, "loss_weights": 1})

    assert report.options == {"fixed": {"h0": 0, "loss_weights": 1}}
    assert "fixed={'h0': 0, 'loss_weights': 1}" in str(report)


def test_a_fixed_array_is_broadcast() -> None:
    """A number fills an array of any shape; an array of the shape's last axes is repeated."""
    held = Restrictions.of(CHAR_RNN, {"H": 2, "V": 3}, {"bh": [1, 2], "Whh": [1, 2], "by": 7})
    arrays = held.held(CHAR_RNN, {"T": 4, "V": 3, "H": 2}, np.dtype("float32"))

    np.testing.assert_array_equal(arrays["bh"], [1, 2])
    np.testing.assert_array_equal(arrays["Whh"], [[1, 2], [1, 2]])
    np.testing.assert_array_equal(arrays["by"], [7, 7, 7])
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
    assert all(array.flags.writeable and array.flags.owndata for array in arrays.values())


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"h1": 0}, "^fixed: h1 is no array of char_rnn; those are Wxh"),
        ({"h0": [0, 0]}, r"^fixed: h0 has the shape \(1,\) in this case, to which \[0, 0\] cannot"),
        ({"h0": [[0], [0, 1]]}, "^fixed: h0 has the shape"),
        ({"h0": np.nan}, "h0 must hold finite real numbers"),
        ({"h0": "zero"}, "h0 must hold finite real numbers"),
        ({"h0": None}, "h0 must hold finite real numbers"),
        ({"h0": 1j}, "h0 must hold finite real numbers"),
        ({"inputs": 0.5}, "inputs must hold token ids"),
        ({"inputs": -1}, "inputs must hold token ids"),
        ({"inputs": 1}, "inputs must hold token ids, integers from 0 to 0"),
    ],
)
def test_bad_values_are_named_before_anything_runs(fixed: dict[str, Any], words: str) -> None:
    """The error names the array, and shows the value and what would be right."""
    with pytest.raises(UsageError, match=words):
        verify(unreached, fixed=fixed)


def test_a_shape_that_dims_settle_may_be_fixed() -> None:
    """An array of one shape fits where its axes are held at one size, and tokens where V allows."""
    fixed = {"h0": [0.5, -0.5], "inputs": 2}

    assert verify(char_rnn.gradients, dims={"H": 2, "V": (3, 9)}, fixed=fixed).ok


def test_the_gradient_of_a_fixed_weight_may_be_left_out() -> None:
    """Code without biases returns no gradients of them, but must of all other weights."""
    assert verify(without("bh", "by"), fixed={"bh": 0, "by": 0}).ok
    assert verify(without("bh", "by"), fixed={"bh": 0}).verdict == "invalid"
    assert verify(without("bh"), fixed={"bh": 0}, clip="norm").ok


def test_it_is_compared_if_it_is_returned() -> None:
    """The gradient of what is fixed is not zero, and a wrong one is wrong."""
    wrong = mended(char_rnn.gradients, "bh", np.zeros_like)

    assert verify(wrong, fixed={"bh": 0}).verdict == "wrong"


def test_under_a_norm_over_all_it_is_needed() -> None:
    """A global norm is taken over all weights, those that are fixed included, or over others."""
    fewer = [name for name in char_rnn.WEIGHTS if name != "bh"]

    def candidate(case: Case) -> dict[str, Any]:
        return {n: g for n, g in clipping(*fewer)(case).items() if n != "bh"}

    assert verify(candidate, fixed={"bh": 0}, clip="global-norm").verdict == "invalid"
    assert verify(candidate, gradients=fewer, fixed={"bh": 0}, clip="global-norm").ok


@pytest.mark.parametrize("clip", ["none", "value:5", "global-norm"])
@pytest.mark.parametrize("name", ["Whh", "by", "h0"])
def test_what_is_fixed_is_never_altered(name: str, clip: str) -> None:
    """Whatever is tried on a failing candidate, each case holds what was declared."""
    candidate = Seen(mended(char_rnn.gradients, name, np.negative))
    report = verify(candidate, clip=clip, fixed={"loss_weights": 1, "h0": 0, "by": 0.25})

    assert report.failure is not None
    assert candidate.values["loss_weights"] == {1.0}
    assert candidate.values["h0"] == {0.0}
    assert candidate.values["by"] == {0.25}


def test_what_is_not_fixed_is_altered() -> None:
    """Else a step's loss is taken alone, none is asked for, and they are doubled to pass a clip."""
    candidate = Seen(mended(char_rnn.gradients, "Whh", np.negative))
    report = verify(candidate, clip="value:5", cases=40)

    assert report.failure is not None
    assert report.failure.step is not None
    assert 0.0 in candidate.values["loss_weights"]
    assert max(candidate.values["loss_weights"]) > 2


def test_fixed_weights_of_the_loss_are_not_doubled() -> None:
    """A clip with a number changes what it changes, if losses may not be made larger for it."""
    case = char_rnn_case().replace(clip=Clip("value", 1e3), beyond=1.0)
    (scaled,) = check_under([case.clip], case, char_rnn.gradients)
    fixed = case.replace(fixed=frozenset(["loss_weights"]))
    (kept,) = check_under([case.clip], fixed, char_rnn.gradients)

    assert scaled.clip_active
    assert scaled.case["loss_weights"].min() > 1
    assert not kept.clip_active
    np.testing.assert_array_equal(kept.case["loss_weights"], case["loss_weights"])


def test_fixed_weights_of_the_loss_are_never_zero_for_a_check() -> None:
    """Whether nothing gives nothing is not asked where losses are fixed, and the report says so."""
    assert verify(char_rnn.gradients, cases=3).hygiene["zero_upstream"] == "ok"
    fixed = verify(char_rnn.gradients, cases=3, fixed={"loss_weights": 1})

    assert fixed.ok
    assert fixed.hygiene["zero_upstream"] == "not checked"


def test_the_fault_is_found_without_moving_what_is_fixed() -> None:
    """The Taylor test of a candidate's own loss leaves alone what the candidate may lack."""

    def decayed(case: Case) -> dict[str, Any]:
        got = dict(ignoring(h0=0)(case))
        loss = got["loss"] + 0.5 * np.sum(case["Why"] ** 2)
        return got | {"Why": got["Why"] + case["Why"], "loss": loss}

    candidate = Seen(decayed)
    failure = verify(candidate, fixed={"h0": 0}).failure

    assert failure is not None
    assert failure.fault is not None
    assert failure.fault.side == "forward"
    assert candidate.values["h0"] == {0.0}


def test_a_layer_may_have_its_upstream_gradient_fixed() -> None:
    """Code that sums its outputs has an upstream gradient of ones."""

    def summed(case: Case) -> dict[str, Array]:
        return elman.gradients(case.with_arrays({"G": np.ones_like(case["G"])}))

    assert rnnverify.verify(summed, "elman", cases=20, fixed={"G": 1}).ok
    assert rnnverify.verify(summed, "elman", cases=20).verdict == "wrong"


@pytest.mark.parametrize("clip", ["value", "norm", "global-norm", "value:5", "global-norm:0.1"])
def test_states_may_be_clipped_too(clip: str) -> None:
    """A clip over all gradients covers dh0 as well, which by default it does not."""
    candidate = clipping(*ALL)

    assert verify(candidate, clip=clip, clip_over=ALL).ok
    assert verify(candidate, clip=clip).verdict == "wrong"
    assert verify(char_rnn.gradients, clip=clip, clip_over=ALL).verdict == "wrong"


@pytest.mark.parametrize("clip", ["value", "global-norm", "norm:0.1"])
def test_some_weights_may_be_left_unclipped(clip: str) -> None:
    """A norm over the recurrent weights alone is that of those, and the others stay."""
    candidate = clipping("Wxh", "Whh")

    assert verify(candidate, clip=clip, clip_over="Wxh,Whh").ok
    assert verify(candidate, clip=clip).verdict == "wrong"


def test_the_default_covers_the_weights_that_are_declared() -> None:
    """A global norm is over the gradients that there are."""

    def candidate(case: Case) -> dict[str, Any]:
        return {n: g for n, g in clipping("Wxh", "Whh")(case).items() if n in ("Wxh", "Whh")}

    assert verify(candidate, clip="global-norm", gradients="Wxh Whh").ok
    assert (
        verify(clipping(*ALL), clip="global-norm", gradients="Wxh Whh", cases=40).verdict == "wrong"
    )


def test_a_clip_covers_only_what_is_declared() -> None:
    """What is not returned cannot be clipped."""
    with pytest.raises(UsageError, match="clip_over: h0 is no array"):
        verify(char_rnn.gradients, gradients="Wxh Whh", clip="value", clip_over=["Wxh", "h0"])


def test_the_case_tells_what_its_clip_covers() -> None:
    """A candidate can read from the case which arrays are to be clipped."""

    def obedient(case: Case) -> dict[str, Any]:
        return dict(clipping(*(case.clip.over or char_rnn.WEIGHTS))(case))

    assert verify(obedient, clip="norm", clip_over="h0 Why").ok
    assert verify(obedient, clip="norm").ok


def test_a_clip_in_a_case_of_ones_own_covers_what_it_says() -> None:
    """``check`` takes it from the case's clip."""
    case = char_rnn_case().replace(clip=Clip("value", 1e-3, over=("h0",)))

    assert check(case, clipping("h0")).kind == "match"
    assert check(case, char_rnn.gradients).kind == "wrong"
