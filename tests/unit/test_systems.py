"""Cases of one's own arrays: what fits is taken, what does not is named."""

from typing import Any

import numpy as np
import pytest

from rnnverify.builtin import CHAR_RNN
from rnnverify.errors import UsageError
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
        (changed(inputs=[0, 1, 2, 3, 4]), "token 4, but V is 4"),
        (changed(inputs=[0, 1, 2, 3, -1]), "token ids"),
        (changed(inputs=[0.0, 1, 2, 3, 1]), "token ids"),
        (changed(bh=[np.nan, 0, 0]), "finite real"),
        (changed(bh=["a", "b", "c"]), "finite real"),
        (changed(inputs=[], targets=[], loss_weights=[]), "at least 1"),
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
