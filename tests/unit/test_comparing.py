"""Structure comes before values, and NaN never passes."""

from typing import Any

import numpy as np
import pytest

from rnnverify.comparing import compare, structured
from rnnverify.errors import InvalidGradientsError
from rnnverify.records import Interval
from rnnverify.verdicts import Comparison

SHAPES = {"W": (2, 3), "b": (2,), "h0": (2,)}
U = 2.0**-53


def right() -> dict[str, Any]:
    """Return gradients of the right structure."""
    return {"W": np.ones((2, 3)), "b": np.ones(2), "h0": [1, 2], "loss": 0.5}


def test_the_right_structure_becomes_float64() -> None:
    """Lists, integers and float32 are read; the loss may be any one number."""
    read = structured(
        right() | {"b": np.ones(2, np.float32), "loss": np.ones((1, 1))}, SHAPES, ["W", "b"]
    )

    assert {name: (a.shape, a.dtype.name) for name, a in read.items()} == {
        "W": ((2, 3), "float64"),
        "b": ((2,), "float64"),
        "h0": ((2,), "float64"),
        "loss": ((), "float64"),
    }


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ((np.ones((2, 3)), np.ones(2)), "returned a tuple, but must return a mapping"),
        (None, "returned a NoneType"),
        ({"W": np.ones((2, 3))}, "no gradient of b"),
        (right() | {"dW": 1}, "the gradient of W is called 'W'"),
        (right() | {"extra": 1}, "'extra', which is no array that has a gradient"),
        (right() | {"W": np.ones((3, 2))}, r"\(3, 2\), but must have \(2, 3\), of which it is the"),
        (right() | {"b": np.ones((2, 1))}, r"\(2, 1\), but must have \(2,\)"),
        (right() | {"b": 1.0}, r"the shape \(\)"),
        (right() | {"b": np.ones(2, complex)}, "complex128, but must hold real numbers"),
        (right() | {"b": ["a", "b"]}, "must hold real numbers"),
        (right() | {"b": [True, False]}, "bool"),
        (right() | {"b": [[1], [1, 2]]}, "cannot be read as an array"),
        (right() | {"b": None}, "object"),
        (right() | {"loss": np.ones(2)}, "the loss has the shape"),
    ],
)
def test_another_structure_is_invalid(returned: Any, words: str) -> None:
    """Each malformed return is named, with what would be right."""
    with pytest.raises(InvalidGradientsError, match=words):
        structured(returned, SHAPES, ["W", "b"])


def against(got: list[float], want: list[float], tolerance: float, **more: Any) -> Comparison:
    """Compare two short gradients under one tolerance."""
    made = np.array(want), np.full(len(want), tolerance)
    return compare("W", np.array(got), Interval.of(*made), unit=U, **more)


def test_within_tolerance_matches() -> None:
    """An error at the tolerance is none."""
    comparison = against([1.0, 2.0 + 2**-40], [1.0, 2.0], 2**-40)

    assert comparison.kind == "match"
    assert comparison.worst == 1.0
    assert comparison.conclusive


def test_beyond_tolerance_is_inaccurate_then_wrong() -> None:
    """What float32 keeps is the border between inaccurate and wrong."""
    assert against([1.0, 2.0 + 1e-6], [1.0, 2.0], 1e-12).kind == "inaccurate"
    assert against([1.0, 2.0 + 1e-5], [1.0, 2.0], 1e-12).kind == "wrong"


def test_the_worst_entry_is_named() -> None:
    """Index, values and digits are those of the entry that is furthest off."""
    comparison = against([1.0, 2.5, 3.1], [1.0, 2.0, 3.0], 1e-10)

    assert (comparison.index, comparison.got, comparison.want) == ((1,), 2.5, 2.0)
    assert comparison.agree == pytest.approx(-np.log10(0.5 / 3))
    assert comparison.digits == pytest.approx(-np.log10(1e-10 / 3))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_passes(bad: float) -> None:
    """NaN and infinities are found, wherever they are."""
    comparison = against([1.0, bad], [1.0, 2.0], 1e300)

    assert comparison.kind == "nonfinite"
    assert comparison.index == (1,)
    assert comparison.agree == 0


def test_a_vast_error_is_wrong() -> None:
    """An error whose ratio to the tolerance overflows is still wrong, not nonfinite."""
    assert against([1e300], [0.0], 1e-300).kind == "wrong"


def test_an_array_that_is_zero_is_never_conclusive() -> None:
    """Zero for zero matches, and is counted apart."""
    comparison = against([0.0, 0.0], [0.0, 0.0], 1e-290)

    assert comparison.kind == "match"
    assert comparison.zero
    assert not comparison.conclusive


def test_few_digits_are_not_conclusive() -> None:
    """A tolerance above half of the digits could hide a bug, and is said to."""
    assert not against([1.0], [1.0], 1e-7).conclusive
    assert not against([1.0], [1.0], 1e-12, says_little=True).conclusive
