"""Scales: constant factors, read from people's formulas and found again from ratios."""

import math
from typing import Any

import pytest

from rnnverify.errors import UsageError
from rnnverify.scales import MOST_DENOMINATOR, Scale, Seen, exact, explaining, usual

AXES = {"T": "time steps", "B": "sequences", "H": "hidden units"}
SIZES = {"T": 4, "B": 3, "H": 5}


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("1", 1.0),
        ("-1", -1.0),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        (" 1/T ", 0.25),
        ("-1/T", -0.25),
        ("+T", 4.0),
        ("2/(T*B)", 2 / 12),
        ("T*B - H", 7.0),
        ("T + B", 7.0),
        ("T**2", 16.0),
        ("--T", 4.0),
    ],
)
def test_a_formula_is_read_as_it_is_written(text: str, factor: float) -> None:
    """Sums, products, quotients, powers and signs of numbers and axes, spaces wherever."""
    assert Scale.parse(text).of(SIZES) == factor


@pytest.mark.parametrize("number", [1, -1, 2.5, 1e300, 1e-300, 1 / 3, 123456789, True])
def test_a_number_is_kept_to_the_last_digit(number: float) -> None:
    """A scale that is given as a number is that number."""
    assert Scale.parse(number).of(SIZES) == float(number)


def test_a_scale_may_be_given_as_such() -> None:
    """What has been read already is taken as it is."""
    scale = Scale("1/T")

    assert Scale.parse(scale) is scale


def test_what_is_written_differently_may_still_be_equal() -> None:
    """A scale is its text: spaces around it do not count, and a whole number needs no point."""
    assert Scale("1/T") == Scale.parse("  1/T\n")
    assert Scale("2") == Scale.parse(2.0)


def test_the_axes_of_a_formula_are_known() -> None:
    """Each axis that is named counts once, and numbers do not."""
    assert Scale("2/(T*B) + T").axes == {"T", "B"}
    assert Scale("-1").axes == set()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "(T",
        "1/",
        "abs(T)",
        "T.real",
        "T[0]",
        "[1]",
        "{1}",
        "1j",
        "True",
        "None",
        "'a'",
        "...",
        "T if T else 1",
        "T < 2",
        "T and 2",
        "not T",
        "~T",
        "T // 2",
        "T % 2",
        "T @ T",
        "T << 2",
        "x := 3",
        "*T",
        "lambda: 1",
        "await T",
        "f'{T}'",
        "[T for T in ()]",
        "import os",
        "T; T",
        "__import__('os')",
        "__import__('os').system('true')",
        "().__class__",
        "\0",
        "1" * 5000,
        "-" * 3000 + "1",
        "(" * 300 + "1" + ")" * 300,
    ],
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    """Calls, attributes and all else that is no arithmetic are refused, and nothing is run."""
    with pytest.raises(UsageError, match="neither a number nor a formula in the axes"):
        Scale.parse(text)


def test_nothing_is_evaluated_but_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a name that Python knows has a value: only axes have."""
    monkeypatch.setattr("builtins.T", 7, raising=False)

    with pytest.raises(UsageError, match="names math, pi; the axes are T, B, H"):
        Scale("pi * math").of(SIZES)
    with pytest.raises(UsageError, match=r"names T; the axes are $"):
        Scale("T").of({})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0.0"),
        ("T - 4", "0.0"),
        ("0*T", "0.0"),
        ("1/(T - 4)", "nan"),
        ("1e999", "inf"),
        ("1e999 - 1e999", "nan"),
        ("(-1)**0.5", "j"),
        ("9**9**9", "nan"),
        ("9**9**9**9**9", "nan"),
        ("2.0**(T**9)", "nan"),
        ("10**400", "nan"),
    ],
)
def test_a_factor_must_be_finite_and_not_zero(text: str, value: str) -> None:
    """Zero, infinities, complex numbers and huge powers are refused, at once, with the sizes."""
    with pytest.raises(UsageError, match=r"for T = 4, B = 3, H = 5; it must be finite") as error:
        Scale(text).of(SIZES)

    assert value in str(error.value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, None, 1j, [1]])
def test_what_is_no_number_is_no_scale(number: Any) -> None:
    """Neither NaN nor infinity nor an object of another kind gets past reading."""
    with pytest.raises(UsageError, match="scale: "):
        Scale.parse(number).of(SIZES)


def test_conventions_are_listed_with_what_they_mean() -> None:
    """Signs, halves, means and sums over each axis, and means over two; none is a plain 1."""
    listed = usual(AXES)

    assert {"-1", "2", "1/2", "1/T", "T", "1/B", "B", "1/(T*B)", "-1/T", "-1/(T*B)"} <= set(listed)
    assert "1" not in listed
    assert listed["1/T"] == "the mean over time steps, where the sum is meant"
    assert listed["1/(T*B)"] == "the mean over time steps and sequences, where the sum is meant"
    assert listed["-1/T"].startswith(listed["1/T"])
    assert "ascent for descent" in listed["-1/T"]


def test_every_convention_is_a_scale() -> None:
    """All that is listed can be declared as it stands."""
    assert all(Scale(text).of(SIZES) for text in usual(AXES))


@pytest.mark.parametrize("text", usual(AXES))
def test_every_convention_is_found_from_its_ratios(text: str) -> None:
    """Three cases whose sizes all differ are enough to tell each from all others."""
    cases = [SIZES, {"T": 7, "B": 5, "H": 3}, {"T": 11, "B": 1, "H": 13}]
    seen = [Seen(dims, Scale(text).of(dims)) for dims in cases]

    assert explaining(seen, AXES) == text


def test_one_case_that_does_not_fit_is_enough() -> None:
    """A formula explains all ratios or none; a constant for some of them is no explanation."""
    seen = [Seen({**SIZES, "T": T}, 1 / T) for T in (1, 2, 3)]

    assert explaining(seen, AXES) == "1/T"
    assert explaining([*seen, Seen(SIZES, 0.5)], AXES) == ""


def test_a_constant_that_is_no_convention_is_a_number() -> None:
    """One ratio in all cases is an explanation, whatever it is."""
    assert explaining([Seen(SIZES, 0.7), Seen({**SIZES, "T": 2}, 0.7)], AXES) == "0.7"
    assert explaining([Seen(SIZES, 0.7), Seen({**SIZES, "T": 2}, 0.8)], AXES) == ""


@pytest.mark.parametrize("ratio", [2 / 7, -3 / 11, 1 / 9999, 1234567891.0])
def test_what_explains_can_be_declared(ratio: float) -> None:
    """A constant is written so that, read again, it is the same to the last digit."""
    found = explaining([Seen(SIZES, ratio), Seen({**SIZES, "T": 2}, ratio)], AXES)

    assert Scale(found).of(SIZES) == ratio


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.375, "0.375"), (-0.7, "-0.7"), (1 / 3, "1/3"), (-5 / 7, "-5/7"), (1e9 + 7, "1000000007")],
)
def test_a_constant_is_written_as_people_write_it(ratio: float, text: str) -> None:
    """As a short decimal, if it is one, and else as a fraction."""
    seen = [Seen(SIZES, ratio), Seen({"T": 7, "B": 5, "H": 3}, ratio)]

    assert explaining(seen, AXES) == text


def test_of_a_vague_ratio_only_the_sign_counts() -> None:
    """Where a clip leaves signs only, a formula must have that sign, and is found elsewhere."""
    vague = Seen({**SIZES, "T": 2}, -1.0, vague=True)

    assert explaining([Seen(SIZES, -0.25), vague], AXES) == "-1/T"
    assert explaining([Seen(SIZES, 0.25), vague], AXES) == ""
    assert explaining([Seen(SIZES, -0.7), vague], AXES) == "-0.7"
    assert explaining([vague], AXES) == "-1"


@pytest.mark.parametrize("fraction", [1.0, -1.0, 0.5, 3 / 7, 2 / 7, 1 / MOST_DENOMINATOR, 12345.5])
def test_a_measured_ratio_becomes_a_plain_fraction(fraction: float) -> None:
    """Rounding in what is measured is taken away, and the fraction is exact."""
    assert exact(fraction, 1e-14, SIZES, AXES) == fraction
    assert exact(fraction * (1 + 1e-12), 1e-11, SIZES, AXES) == fraction


@pytest.mark.parametrize("text", usual(AXES))
def test_a_measured_ratio_becomes_a_convention(text: str) -> None:
    """Even where little is known of a ratio, one that comes near a convention is that."""
    factor = Scale(text).of(SIZES)

    assert exact(factor * (1 + 1e-4), 1e-3, SIZES, AXES) == factor


@pytest.mark.parametrize("ratio", [0.0, math.pi, 1 / (3 * MOST_DENOMINATOR), 0.5 * (1 + 1e-6)])
def test_what_is_no_plain_fraction_is_none(ratio: float) -> None:
    """Zero, a number with no small denominator, and what is merely near are no scale."""
    assert exact(ratio, 1e-12, SIZES, AXES) is None


def test_the_less_is_known_the_plainer_it_must_be() -> None:
    """A fraction near a ratio that may be far off is no evidence, if there is always one."""
    assert exact(137 / 1009, 1e-12, SIZES, AXES) == 137 / 1009
    assert exact(137 / 1009, 1e-4, SIZES, AXES) is None
    assert exact(2 / 7, 1e-4, SIZES, AXES) == 2 / 7


@pytest.mark.parametrize("ratio", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_fraction(ratio: float) -> None:
    """A ratio that overflows is none, and stops nothing."""
    assert exact(ratio, 1e-12, SIZES, AXES) is None
