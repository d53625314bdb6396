"""Named axes: names, numbers and sums of names."""

import pytest

from rnnverify.axes import reals


@pytest.mark.parametrize(
    ("names", "shape"),
    [("H V", (3, 5)), ("D 4 H", (2, 4, 3)), ("m+k+n", (9,)), ("T m+n 2", (7, 5, 2))],
)
def test_shapes(names: str, shape: tuple[int, ...]) -> None:
    """A name has its size, a number is one, and a sum adds up its blocks."""
    dims = {"T": 7, "H": 3, "V": 5, "D": 2, "m": 1, "k": 4, "n": 4}

    assert reals(names).shape(dims) == shape


def test_sizes_are_learnt_from_shapes() -> None:
    """What is not known yet is found, by subtraction in a sum."""
    dims = {"m": 2, "n": 1}

    assert reals("T m").fit((6, 2), dims)
    assert reals("m+k+n").fit((7,), dims)
    assert dims == {"m": 2, "n": 1, "T": 6, "k": 4}


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ("H H", (2, 3)),
        ("D 4 H", (5, 3, 2)),
        ("m+k+n", (4,)),  # leaves nothing for m
        ("m+p+n", (9,)),  # two unknown
        ("H", (2, 2)),
    ],
)
def test_what_does_not_fit(names: str, shape: tuple[int, ...]) -> None:
    """A shape is refused where sizes contradict one another, or cannot be told."""
    assert not reals(names).fit(shape, {"k": 3, "n": 1})
