"""check: every verdict, and that a candidate cannot crash it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from rnnverify.builtin import BINARY_ADDER, ELMAN_RELU
from rnnverify.checker import check, check_under
from rnnverify.clipping import clip_gradients
from rnnverify.errors import UsageError
from rnnverify.loops import LOOPS
from rnnverify.models import binary_adder, char_rnn, elman_relu
from rnnverify.records import Array, Case, Clip
from tests.support import binary_adder_case, char_rnn_case, edited, mended


def with_change(name: str, change: Callable[[Array], Array]) -> Any:
    """Return char_rnn's own gradients, one of them changed."""
    return mended(char_rnn.gradients, name, change)


def test_the_model_matches() -> None:
    """The built-in model matches, under no clip, conclusively in every gradient."""
    verdict = check(char_rnn_case(), char_rnn.gradients)

    assert verdict.kind == "match"
    assert [each.gradient for each in verdict.comparisons] == [*char_rnn.WEIGHTS, "h0"]
    assert all(each.conclusive for each in verdict.comparisons)
    assert not verdict.notes


def test_a_wrong_gradient_is_wrong() -> None:
    """A sign is found, and only its own gradient is blamed."""
    verdict = check(char_rnn_case(), with_change("Whh", np.negative))

    assert verdict.kind == "wrong"
    assert [e.gradient for e in verdict.comparisons if e.kind != "match"] == ["Whh"]


def test_twelve_digits_are_inaccurate() -> None:
    """A relative error of 1e-12 is seen, and told from a bug."""
    assert (
        check(char_rnn_case(), with_change("Whh", lambda g: g * (1 + 1e-12))).kind == "inaccurate"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_nonfinite(bad: float) -> None:
    """NaN and infinity have a verdict of their own."""
    assert check(char_rnn_case(), with_change("bh", lambda g: g * bad)).kind == "nonfinite"


def raises(case: Case) -> dict[str, Array]:
    """Raise, as a candidate with a bug does."""
    return {"Whh": case["no such array"]}


def writes(case: Case) -> dict[str, Array]:
    """Write into an input."""
    returned = char_rnn.gradients(case)
    case["h0"][:] = 7
    return returned


def hands_back(case: Case) -> dict[str, Array]:
    """Return an input as a gradient."""
    return char_rnn.gradients(case) | {"h0": case["h0"]}


def exits(_case: Case) -> dict[str, Array]:
    """Leave, as a script might."""
    raise SystemExit(3)


def cancels(_case: Case) -> dict[str, Array]:
    """Raise what is no Exception, but a BaseException."""
    raise asyncio.CancelledError


class UnprintableError(Exception):
    """An exception that cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError


def unprintable(_case: Case) -> dict[str, Array]:
    """Raise what cannot be printed."""
    raise UnprintableError


def surrogate(_case: Case) -> dict[str, Array]:
    """Raise with a message that no file could hold."""
    raise ValueError("\ud800")  # noqa: EM101


class Lazy(Mapping[str, Array]):
    """A mapping that raises when it is read."""

    def __iter__(self) -> Iterator[str]:
        return iter(char_rnn.WEIGHTS)

    def __len__(self) -> int:
        return len(char_rnn.WEIGHTS)

    def __getitem__(self, name: str) -> Array:
        message = "not there"
        raise LookupError(message)


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (raises, "'no such array' is no array of char_rnn; those are Wxh"),
        (exits, "raised SystemExit: 3"),
        (writes, "wrote into its input h0"),
        (hands_back, "gradient of h0 shares memory with the input h0"),
        (lambda _case: None, "returned a NoneType"),
        (lambda: None, "raised TypeError"),
        (cancels, "CancelledError"),
        (unprintable, "Unprintable"),
        (surrogate, "raised ValueError: \\ud800"),
        (lambda _case: Lazy(), "raised LookupError: not there"),
    ],
)
def test_misbehaviour_is_a_verdict(candidate: Any, words: str) -> None:
    """Whatever a candidate does, the verdict is invalid and says what it did."""
    verdict = check(char_rnn_case(), candidate)

    assert verdict.kind == "invalid"
    assert words in verdict.message


def test_the_traceback_is_the_candidates_own() -> None:
    """The traceback begins in the candidate; no frame of ours is in it."""
    traceback = check(char_rnn_case(), raises).traceback

    assert traceback is not None
    assert "in raises" in traceback
    assert "calling.py" not in traceback


def test_inputs_are_private_copies() -> None:
    """A candidate that writes does so into copies."""
    case = char_rnn_case()
    before = {name: array.copy() for name, array in case.items()}
    check(case, writes)

    for name, array in case.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_missing_state_is_not_checked() -> None:
    """A state's gradient may be left out, which is said."""
    verdict = check(
        char_rnn_case(), lambda c: {n: g for n, g in char_rnn.gradients(c).items() if n != "h0"}
    )

    assert verdict.kind == "match"
    assert verdict.unchecked == ("h0",)


def test_a_wrong_loss_is_a_note() -> None:
    """People print one loss and differentiate another."""
    verdict = check(char_rnn_case(), with_change("loss", lambda loss: loss / 2))

    assert verdict.kind == "match"
    assert verdict.notes == ("the loss differs from the reference's",)


def test_shared_memory_among_gradients_is_a_note() -> None:
    """Two gradients in one array are odd, not wrong."""

    def shares(case: Case) -> dict[str, Array]:
        returned = char_rnn.gradients(case)
        both = np.concatenate([returned["bh"], returned["bh"]])
        return returned | {"bh": both[:3], "h0": both[:3]}

    assert any("bh and h0 share memory" in note for note in check(char_rnn_case(), shares).notes)


def test_zero_gradients_are_counted_apart() -> None:
    """Without loss weights all gradients are zero: they must be, and it is no pass."""
    case = char_rnn_case(loss_weights=np.zeros(5))

    assert check(case, char_rnn.gradients).zero
    assert check(case, with_change("Whh", lambda g: g + 1e-9)).kind == "wrong"


def test_one_symbol_leaves_nothing_to_learn() -> None:
    """With V = 1 every gradient is zero, and anything else is wrong."""
    case = char_rnn_case(V=1)

    assert check(case, char_rnn.gradients).zero
    assert check(case, with_change("by", lambda g: g + 1)).kind == "wrong"


def test_zeros_that_rounding_lifts_over_a_clip_are_inconclusive() -> None:
    """Saturated units give zeros, or rounding times a vast weight, which a norm makes long."""
    case = binary_adder_case(
        T=1, H=2, S0=np.full((2, 2), 50.0), S1=np.full((2, 1), 50.0), loss_weights=[1e10]
    )
    case = BINARY_ADDER.case({**case, "x": [[1, 1]], "y": [[1]]}, dtype="float32")
    rounded = mended(binary_adder.gradients, "S1", lambda g: g + np.float32(0.01))

    def clipped(case: Case) -> dict[str, Array]:
        raw = rounded(case.replace(clip=Clip()))
        return clip_gradients({n: raw[n] for n in binary_adder.WEIGHTS}, case.clip)

    assert check(case, rounded).zero
    assert check(case.replace(clip=Clip("norm", 1e-3)), clipped).kind == "inconclusive"


def test_squares_that_overflow_raise_no_warning() -> None:
    """Where a norm clip would square what is too large, the user's warnings filters stay silent."""
    case = char_rnn_case(loss_weights=np.full(5, 1e160)).replace(clip=Clip("global-norm", 1.0))

    assert check(case, zeros).kind == "inconclusive"


def zeros(case: Case) -> dict[str, Array]:
    """Return a gradient of zeros for every weight."""
    return {name: np.zeros_like(case[name]) for name in char_rnn.WEIGHTS}


def test_a_case_that_says_nothing_is_inconclusive() -> None:
    """Where a clip cuts every weight's gradient and the state's is zero, nothing can be told."""
    case = char_rnn_case(T=1, Whh=np.zeros((3, 3)), loss_weights=[1.0])
    case = case.replace(clip=Clip("value", 1e-12))
    verdict = check(case, char_rnn.gradients)

    assert [each.gradient for each in verdict.comparisons if each.zero] == ["h0"]
    assert verdict.kind == "inconclusive"
    assert not verdict.ok
    assert not verdict.failed


def test_loss_weights_are_not_scaled_beyond_the_dtype() -> None:
    """Doubling them to pass a vast threshold makes neither them nor a gradient overflow."""
    case = char_rnn_case(T=1, dtype="float32", loss_weights=[1e28]).replace(beyond=1.0)
    case = case.replace(clip=Clip("value", 1e30))

    assert check(case, char_rnn.gradients).kind == "match"


def test_chaos_is_inconclusive() -> None:
    """Where rounding alone decides the gradient, nobody is accused, and nobody passes."""
    chaotic = 40 * np.random.default_rng(0).standard_normal((8, 8))
    case = char_rnn_case(T=60, H=8, Whh=chaotic, Why=np.ones((4, 8)), h0=np.full(8, 1e-3))

    assert check(case, with_change("Whh", np.negative)).kind == "inconclusive"


def test_float32_is_held_to_float32() -> None:
    """A float32 candidate is judged by float32's rounding, and float64's digits are not asked."""
    case = char_rnn_case(dtype="float32")

    assert check(case, char_rnn.gradients).kind == "match"
    assert check(case, with_change("Whh", lambda g: g * np.float32(1.001))).kind == "wrong"


def test_a_float32_cast_is_inaccurate_in_float64() -> None:
    """A cast to float32 on the way out is seen, told from a wrong formula, and remarked."""
    verdict = check(char_rnn_case(), with_change("Whh", lambda g: g.astype(np.float32)))

    assert verdict.kind == "inaccurate"
    assert verdict.notes == ("dWhh came back in float32, though the case is float64",)


def test_the_reference_overflowing_accuses_nobody() -> None:
    """NaN where the reference itself overflows float32 is inconclusive."""
    case = char_rnn_case(dtype="float32", loss_weights=np.full(5, 3e38))

    assert check(case, with_change("Why", lambda g: g * np.nan)).kind == "inconclusive"


def relu_at(z: float) -> Case:
    """Return a case of elman_relu with a single unit and a single step, at pre-activation z."""
    one = np.ones((1, 1))
    return ELMAN_RELU.case(
        {"Wx": one, "Wh": one, "b": [z], "h0": 0 * one, "x": 0 * one[None], "G": one[None]}
    )


def test_at_a_kink_nobody_is_accused_and_nobody_passes() -> None:
    """Where z is exactly 0, rounding decides the side: either derivative is inconclusive."""
    other = edited(elman_relu, ("on = h[1:] > 0", "on = h[1:] >= 0"))

    assert check(relu_at(0.0), elman_relu.gradients).kind == "inconclusive"
    assert check(relu_at(0.0), other).kind == "inconclusive"


def test_beside_a_kink_each_side_is_known() -> None:
    """The smallest step away from it, the derivative is 0 or 1, and nothing else."""
    other = edited(elman_relu, ("on = h[1:] > 0", "on = h[1:] >= 0"))

    assert check(relu_at(1e-3), elman_relu.gradients).ok
    assert check(relu_at(-1e-3), elman_relu.gradients).ok
    assert check(relu_at(-1e-3), other).kind == "wrong"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("tokens", ["constant", "random"])
def test_long_sequences_accuse_nobody(tokens: str, dtype: str) -> None:
    """Over 1,024 steps, which all round alike where the input is constant, correct code matches."""
    case = char_rnn_case(T=1024, dtype=dtype)
    if tokens == "constant":
        case = case.with_arrays({"inputs": np.zeros(1024, int), "targets": np.ones(1024, int)})

    for candidate in (char_rnn.gradients, LOOPS["char_rnn"]):
        assert check(case, candidate).kind == "match"
    assert check(case, with_change("Whh", lambda g: g * 1.001)).kind == "wrong"


CLIPS = ["none", "value", "norm", "global-norm", "value:0.1", "norm:0.1", "global-norm:0.1"]


@pytest.mark.parametrize("beyond", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_clip_from_one_evaluation(beyond: float, dtype: str) -> None:
    """The model matches under all clips at once; each case carries its resolved threshold."""
    clips = [Clip.parse(text) for text in CLIPS]
    case = char_rnn_case(dtype=dtype).replace(beyond=beyond)
    verdicts = check_under(clips, case, char_rnn.gradients)

    assert [v.kind for v in verdicts] == ["match"] * len(clips)
    assert [v.case.clip.kind for v in verdicts] == [clip.kind for clip in clips]
    assert all(v.case.clip.threshold for v in verdicts[1:])
    assert [v.clip_active for v in verdicts[:4]] == [False, *[beyond > 0] * 3]


@pytest.mark.parametrize("text", CLIPS[1:])
def test_a_clip_left_out_is_wrong(text: str) -> None:
    """A candidate that forgets to clip is found where the clip is active."""
    case = char_rnn_case().replace(clip=Clip.parse(text), beyond=1.0)

    assert check(case, lambda c: char_rnn.gradients(c.replace(clip=Clip()))).kind == "wrong"


def test_states_are_not_clipped() -> None:
    """Clips cover the weights; a clipped dh0 is wrong."""
    case = char_rnn_case().replace(clip=Clip("value", 1e-3))

    assert check(case, char_rnn.gradients).kind == "match"
    assert check(case, with_change("h0", lambda g: np.clip(g, -1e-3, 1e-3))).kind == "wrong"


def test_a_gradient_that_is_cut_throughout_says_little() -> None:
    """Where a clip by value leaves only signs, a match is not conclusive."""
    verdict = check(char_rnn_case().replace(clip=Clip("value", 1e-9)), char_rnn.gradients)
    conclusive = {each.gradient: each.conclusive for each in verdict.comparisons}

    assert verdict.kind == "match"
    assert conclusive["h0"]
    assert not conclusive["bh"]


def test_an_unknown_system_is_named() -> None:
    """The error says which systems there are."""
    with pytest.raises(UsageError, match="did you mean 'char_rnn'"):
        check(char_rnn_case().replace(system="char_rn", origin=None), char_rnn.gradients)


@pytest.mark.parametrize("text", ["value", "norm:50"])
def test_a_case_that_a_candidate_saw_is_asked_again_as_it_was(text: str) -> None:
    """Its loss weights are not multiplied once more to pass the clip."""
    case = char_rnn_case().replace(clip=Clip.parse(text), beyond=1.0)
    first = check(case, char_rnn.gradients)
    again = check(first.case, char_rnn.gradients)

    assert again.case["loss_weights"].tolist() == first.case["loss_weights"].tolist()
    assert again.case.clip == first.case.clip
