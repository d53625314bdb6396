"""Scales: a constant factor by which all gradients differ from the loss's, and what it means.

Public code differentiates the mean where it reports the sum, or the reverse; ascends where others
descend; leaves out the half of a square. That is a convention to be stated, not a wrong gradient.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from itertools import combinations
from typing import NamedTuple

from rnnverify.errors import UsageError

_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[float], float]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


MOST_DENOMINATOR = 10_000
TELLING = 1e-2
"""How often a random number may be taken for a plain fraction, because it is near one."""


@dataclass(frozen=True)
class Scale:
    """A factor, as a formula in the sizes of the axes.

    Attributes:
        text: Such as ``"-1"``, ``"1/T"`` or ``"2/(T*B)"``.

    Raises:
        UsageError: if it is no such formula.
    """

    text: str = "1"

    def __post_init__(self) -> None:
        try:
            known = all(_is_known(node) for node in ast.walk(self._tree))
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            known = False
        if not known:
            message = (
                f"scale: {self.text!r} is neither a number nor a formula in the axes, as 1/T is"
            )
            raise UsageError(message)

    @staticmethod
    def parse(value: "str | float | Scale") -> "Scale":
        """Read a scale as people write it: a number, or a formula such as ``"1/T"``.

        Raises:
            UsageError: if it is neither.
        """
        if isinstance(value, Scale):
            return value
        if isinstance(value, str):
            return _read(value.strip())
        try:
            number = float(value)
            return _read(str(int(number)) if number.is_integer() else repr(number))
        except (TypeError, ValueError, OverflowError):
            return _read(repr(value))

    @cached_property
    def axes(self) -> set[str]:
        """The axes that the formula names."""
        return {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}

    def of(self, dims: Mapping[str, int]) -> float:
        """Return the factor under these sizes.

        Raises:
            UsageError: if an axis is unknown, or the factor is zero or not finite.
        """
        unknown = self.axes - set(dims)
        if unknown:
            message = (
                f"scale: {self.text!r} names {', '.join(sorted(unknown))}; "
                f"the axes are {', '.join(dims)}"
            )
            raise UsageError(message)
        try:
            factor = _value(self._tree.body, dims)
        except (ArithmeticError, TypeError):
            factor = math.nan
        if isinstance(factor, complex) or factor == 0 or not math.isfinite(factor):
            sizes = ", ".join(f"{axis} = {n}" for axis, n in dims.items())
            message = f"scale: {self.text!r} is {factor} for {sizes}; it must be finite, and not 0"
            raise UsageError(message)
        return factor

    @cached_property
    def _tree(self) -> ast.Expression:
        return ast.parse(self.text, mode="eval")


@lru_cache(maxsize=64)  # each check of a case reads its scale
def _read(text: str) -> Scale:
    return Scale(text)


def _is_known(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.BinOp):
        return type(node.op) in _BINARY
    if isinstance(node, ast.UnaryOp):
        return type(node.op) in _UNARY
    return isinstance(node, ast.Expression | ast.Name | ast.Load | ast.operator | ast.unaryop)


def _value(node: ast.expr, dims: Mapping[str, int]) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return float(dims[node.id])
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](_value(node.operand, dims))
    assert isinstance(node, ast.BinOp)
    return _BINARY[type(node.op)](_value(node.left, dims), _value(node.right, dims))


def usual(axes: Mapping[str, str]) -> dict[str, str]:
    """Return the scales that people's conventions come to, and what each is likely to mean.

    Args:
        axes: What each axis is, by its name, as a system says.
    """
    plain = {"2": "a square without its half, or everything added up twice", "1/2": "a half more"}
    for axis, what in axes.items():
        plain[f"1/{axis}"] = f"the mean over {what}, where the sum is meant"
        plain[axis] = f"summed over {what} once more, or no mean where one is meant"
    for a, b in combinations(axes, 2):
        plain[f"1/({a}*{b})"] = f"the mean over {axes[a]} and {axes[b]}, where the sum is meant"
    ascent = "ascent for descent: the sign is that of the update"
    negative = {f"-{text}": f"{meaning}; and {ascent}" for text, meaning in plain.items()}
    return {"-1": ascent, **plain, **negative}


class Seen(NamedTuple):
    """A ratio that was seen in a case.

    Attributes:
        dims: The sizes of the axes there.
        ratio: The ratio.
        vague: Whether only its sign is known.
    """

    dims: Mapping[str, int]
    ratio: float
    vague: bool = False


def explaining(seen: Sequence[Seen], axes: Mapping[str, str]) -> str:
    """Return the formula that gives every ratio that was seen; "" if none does.

    Args:
        seen: The ratios.
        axes: What each axis is, by its name.
    """
    ratios = {each.ratio for each in seen if not each.vague}
    constants = [_as_text(ratio) for ratio in ratios] if len(ratios) == 1 else []
    for text in (*usual(axes), *constants):
        if all(_gives(_scale(text).of(each.dims), each) for each in seen):
            return text
    return ""


def _gives(factor: float, seen: Seen) -> bool:
    return factor * seen.ratio > 0 if seen.vague else factor == seen.ratio


def _as_text(ratio: float) -> str:
    """Return a plain fraction that is this number, or the number itself."""
    short = f"{ratio:.6g}"
    fraction = Fraction(ratio).limit_denominator(MOST_DENOMINATOR)
    return short if float(short) == ratio else str(fraction)


def usual_scales(dims: Mapping[str, int]) -> list[float]:
    """Return the factors that people's conventions come to under these sizes, each once."""
    return list(dict.fromkeys(_scale(text).of(dims) for text in usual(dict.fromkeys(dims, ""))))


_scale = cache(Scale)


def exact(
    ratio: float, error: float, dims: Mapping[str, int], axes: Mapping[str, str]
) -> float | None:
    """Return what a measured ratio is exactly: a usual scale, or a plain fraction.

    Args:
        ratio: As it was measured.
        error: How far it may be off, relatively.
        dims: The sizes of the axes.
        axes: What each axis is, by its name.

    Returns:
        None if it is neither.
    """
    if not math.isfinite(ratio) or ratio == 0:
        return None
    for text in usual(axes):
        if math.isclose(_scale(text).of(dims), ratio, rel_tol=error):
            return _scale(text).of(dims)
    most = math.isqrt(int(TELLING / error))
    fraction = Fraction(ratio).limit_denominator(max(1, min(most, MOST_DENOMINATOR)))
    near = fraction.numerator / fraction.denominator
    return near if near != 0 and math.isclose(near, ratio, rel_tol=error) else None
