"""Cases of one's own arrays: what fits is taken, what does not is named."""

from typing import Any

import numpy as np
import pytest

from rnnverify.builtin import CHAR_RNN, ELMAN, RTRBM, RTRBM_CD, SYSTEMS, WERBOS
from rnnverify.checker import check
from rnnverify.drawing import explore
from rnnverify.errors import UsageError
from rnnverify.records import Case, Clip, Truncation
from rnnverify.strategies import cases
from tests.support import char_rnn_case


def changed(**arrays: Any) -> dict[str, Any]:
    """Return the arrays of a case, some changed."""
    return dict(char_rnn_case(T=5, V=4, H=3)) | arrays


def test_arrays_are_rounded_to_the_dtype() -> None:
    """Real arrays are cast; token ids stay integers."""
    case = CHAR_RNN.case(changed(), dtype="float32")

    assert case["Wxh"].dtype == np.float32
    assert case["inputs"].dtype == np.int64


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({k: v for k, v in changed().items() if k != "by"}, "missing: by"),
        (changed(bz=1), "unknown: bz"),
        (changed(Whh=np.ones((3, 4))), r"Whh has the shape \(3, 4\)"),
        (changed(bh=np.ones((3, 1))), r"bh has the shape \(3, 1\)"),
        (changed(inputs=[0, 1, 2, 3, 4]), "token ids, integers from 0 to 3"),
        (changed(inputs=[0, 1, 2, 3, -1]), "token ids"),
        (changed(inputs=[0.0, 1, 2, 3, 1]), "token ids"),
        (changed(bh=[np.nan, 0, 0]), "finite real"),
        (changed(bh=["a", "b", "c"]), "finite real"),
        (changed(inputs=[], targets=[], loss_weights=[]), "at least 1"),
        (changed(Whh=np.ones((4, 4))), "H = 3, V = 4 from the arrays before"),
    ],
)
def test_what_does_not_fit_is_named(arrays: dict[str, Any], words: str) -> None:
    """The error names the array and says what would be right."""
    with pytest.raises(UsageError, match=words):
        CHAR_RNN.case(arrays)


def test_an_unknown_dtype_is_named() -> None:
    """The error says which dtypes there are."""
    with pytest.raises(UsageError, match="float64, float32"):
        CHAR_RNN.case(changed(), dtype="float16")


def drawn(system: str) -> Case:
    """Return some case of a system, no axis of which has the size 1."""
    found: list[Case] = []
    explore(cases(system), found.append, seed=0, cases=50)
    return next(case for case in found if min(case.dims.values()) > 1)


def test_lengths_are_taken_where_there_are_batches() -> None:
    """With lengths the case is one of a batch whose sequences end where they say."""
    arrays = dict(drawn("elman"))
    B, T = arrays["x"].shape[1], len(arrays["x"])

    assert "lengths" in ELMAN.case(arrays | {"lengths": [T] * B})
    with pytest.raises(UsageError, match=f"lengths, integers from 1 to {T}"):
        ELMAN.case(arrays | {"lengths": [T + 1] * B})
    with pytest.raises(UsageError, match="unknown: lengths"):
        CHAR_RNN.case(changed(lengths=[1]))
    with pytest.raises(UsageError, match="char_rnn reads one sequence"):
        _ = CHAR_RNN.with_lengths


def test_units_beyond_what_can_be_enumerated_are_refused() -> None:
    """Log Z of the RTRBM is a sum over 2^H states, and H is bounded."""
    arrays = dict(drawn("rtrbm"))
    wide = {"W": np.ones((11, arrays["W"].shape[1])), "U": np.ones((11, 11))}

    with pytest.raises(UsageError, match="makes H 11, but rtrbm goes up to 10"):
        RTRBM.case(arrays | wide | {"b_h": np.ones(11), "b_init": np.ones(11)})
    negatives = {"negatives": arrays["v"]}
    biases = {"b_h": np.ones(11), "b_init": np.ones(11)}
    assert RTRBM_CD.case(arrays | wide | biases | negatives).dims["H"] == 11


def test_ten_hidden_units_can_be_enumerated() -> None:
    """At the largest H there is, the model of the RTRBM still matches its reference."""
    arrays, random = dict(drawn("rtrbm")), np.random.default_rng(0)
    V = arrays["W"].shape[1]
    large = {"W": random.standard_normal((10, V)), "U": random.standard_normal((10, 10)) / 3}
    biases = {"b_h": random.standard_normal(10), "b_init": random.standard_normal(10)}

    assert check(RTRBM.case(arrays | large | biases), RTRBM.gradients).ok


@pytest.mark.parametrize(("system", "name"), [("rtrbm", "v"), ("werbos", "Y")])
def test_bits_and_probabilities_are_bounded(system: str, name: str) -> None:
    """What lies outside 0 and 1 is named."""
    arrays = dict(drawn(system))

    with pytest.raises(UsageError, match=f"{name} must hold numbers from 0 to 1"):
        SYSTEMS[system].case(arrays | {name: arrays[name] + 7})


def test_clips_and_truncations_are_given_as_anywhere() -> None:
    """As text, or as numbers, like everywhere else."""
    case = CHAR_RNN.case(changed(), clip="value:5", truncate=2)

    assert case.clip == Clip("value", 5.0)
    assert case.truncation == Truncation(2)


def test_an_ordered_network_has_no_weights_backwards_in_order() -> None:
    """W must be strictly lower triangular."""
    arrays = dict(drawn("werbos"))

    with pytest.raises(UsageError, match="W must be zero on and above its diagonal"):
        WERBOS.case(arrays | {"W": np.ones_like(arrays["W"])})


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_array_is_looked_at(system: str) -> None:
    """Each array of each system is missed where it is missing."""
    for name in (case := drawn_any(system)):
        with pytest.raises(UsageError, match=f"missing: {name}"):
            SYSTEMS[system].case({n: a for n, a in case.items() if n != name})


def drawn_any(system: str) -> Case:
    """Return a case of a system."""
    found: list[Case] = []
    explore(cases(system), found.append, seed=0, cases=1)
    return found[0]
