"""Which rounding error each JAX primitive makes: one line a primitive.

A rule takes an equation, its operands and its result, and returns the magnitude that was
rounded (and a factor), or None where nothing is rounded.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax import lax
from jax.extend.core import JaxprEqn

from rnnverify.rounding.noise import larger, of_clean


class Rounding(NamedTuple):
    """The magnitude that an operation rounds, and its factor c; see ``noise``."""

    magnitude: Any
    factor: float = 1.0


Rule = Callable[[JaxprEqn, Sequence[Any], Any], Rounding | None]


def exact(_equation: JaxprEqn, _operands: Sequence[Any], _out: Any) -> None:
    """Values are moved, selected or negated, not rounded."""


def correctly_rounded(_equation: JaxprEqn, _operands: Sequence[Any], out: Any) -> Rounding:
    """One rounding of the result."""
    return Rounding(lax.abs(out))


def transcendental(_equation: JaxprEqn, _operands: Sequence[Any], out: Any) -> Rounding:
    """Libraries differ by a few units in the last place of the result."""
    return Rounding(lax.abs(out), 4.0)


def addition(_equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """The larger operand counts: it was rounded before, and a cancellation lays that bare."""
    a, b = (lax.abs(operand) for operand in operands)
    return Rounding(larger(a, b))


def one_minus_square(_equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """1 - x², which most code forms by a subtraction, whatever JAX does."""
    (x,) = operands
    return Rounding(lax.max(lax.mul(x, x), lax.full_like(x, 1.0)))


def integer_power(equation: JaxprEqn, _operands: Sequence[Any], out: Any) -> Rounding:
    """As many multiplications as the exponent says."""
    return Rounding(lax.abs(out), many(abs(equation.params["y"])))


def dot_product(equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """|A|·|B| contracted: Higham 2002, section 3.1."""
    a, b = operands
    (contracted, _), _ = equation.params["dimension_numbers"]
    terms = math.prod(a.shape[axis] for axis in contracted)
    return Rounding(_of_absolute_values(equation, a, b), many(terms))


def convolution(equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """A dot product at every place."""
    a, b = operands
    features = equation.params["dimension_numbers"].rhs_spec[0]
    terms = b.size // b.shape[features]
    return Rounding(_of_absolute_values(equation, a, b), many(terms))


def _of_absolute_values(equation: JaxprEqn, *operands: Any) -> Any:
    return again(equation, *(lax.abs(of_clean(operand)) for operand in operands))


def long_sum(equation: JaxprEqn, operands: Sequence[Any], out: Any) -> Rounding:
    """Σ|x|, in whichever order it is summed."""
    (x,) = operands
    return Rounding(again(equation, lax.abs(x)), many(x.size // out.size))


def running_sum(equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """Σ|x| up to each place."""
    (x,) = operands
    terms = x.shape[equation.params["axis"]]
    return Rounding(again(equation, lax.abs(x)), many(terms))


def long_product(_equation: JaxprEqn, operands: Sequence[Any], out: Any) -> Rounding:
    """One rounding a factor."""
    return Rounding(lax.abs(out), many(operands[0].size // out.size))


def running_product(equation: JaxprEqn, operands: Sequence[Any], out: Any) -> Rounding:
    """One rounding a factor, up to each place."""
    return Rounding(lax.abs(out), many(operands[0].shape[equation.params["axis"]]))


def scattered_sum(equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """A sum wherever indices repeat."""
    operand, indices, updates = operands
    magnitude = again(equation, lax.abs(operand), indices, lax.abs(updates))
    return Rounding(magnitude, many(1 + math.prod(indices.shape[:-1])))


def scattered_product(_equation: JaxprEqn, operands: Sequence[Any], out: Any) -> Rounding:
    """A product wherever indices repeat."""
    return Rounding(lax.abs(out), many(1 + math.prod(operands[1].shape[:-1])))


def window_sum(equation: JaxprEqn, operands: Sequence[Any], _out: Any) -> Rounding:
    """Σ|x| over each window."""
    (x,) = operands
    terms = math.prod(equation.params["window_dimensions"])
    return Rounding(again(equation, lax.abs(x)), many(terms))


def near_a_root(_equation: JaxprEqn, operands: Sequence[Any], out: Any) -> Rounding:
    """Libraries differ by a few units in the last place of 1 where the result is small."""
    terms = operands[0].shape[0] if operands[0].ndim else 1
    return Rounding(lax.max(lax.abs(out), lax.full_like(out, 1.0)), 4.0 * many(terms))


def again(equation: JaxprEqn, *operands: Any) -> Any:
    """Evaluate an equation once more, on other operands."""
    return equation.primitive.bind(*operands, **equation.params)  # type: ignore[no-untyped-call]


def many(terms: int) -> float:
    """Return the factor of a sum or product of so many terms."""
    return max(1.0, terms / 16)


def named(rule: Rule, names: str) -> dict[str, Rule]:
    """Return one rule under several primitives' names."""
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Rule] = {
    **named(addition, "add sub add_any"),
    **named(correctly_rounded, "mul div sqrt square"),
    **named(transcendental, "exp exp2 expm1 log log2 log1p logistic pow rsqrt cbrt"),
    **named(transcendental, "sin cos tan asin acos atan atan2"),
    **named(transcendental, "tanh sinh cosh asinh acosh atanh erf erfc erf_inv"),
    "one_minus_square": one_minus_square,
    "integer_pow": integer_power,
    "dot_general": dot_product,
    "conv_general_dilated": convolution,
    "reduce_sum": long_sum,
    "cumsum": running_sum,
    "reduce_prod": long_product,
    "cumprod": running_product,
    "scatter-add": scattered_sum,
    "scatter-mul": scattered_product,
    "reduce_window_sum": window_sum,
    **named(near_a_root, "lgamma digamma cumlogsumexp"),
    **named(exact, "reduce_window_max reduce_window_min"),
    **named(exact, "abs neg sign floor ceil round rem max min clamp nextafter copy real"),
    **named(exact, "reduce_max reduce_min cummax cummin scatter-max scatter-min sort top_k"),
    **named(
        exact, "broadcast_in_dim reshape squeeze transpose rev concatenate pad split stack unstack"
    ),
    **named(exact, "slice dynamic_slice dynamic_update_slice gather scatter select_n tile"),
    **named(exact, "iota empty empty2 convert_element_type bitcast_convert_type reduce_precision"),
    **named(exact, "stop_gradient optimization_barrier device_put name"),
}

DOMAINS: dict[str, tuple[float, float]] = {
    "sqrt": (0.0, math.inf),
    "rsqrt": (0.0, math.inf),
    "log": (0.0, math.inf),
    "log1p": (-1.0, math.inf),
    "atanh": (-1.0, 1.0),
    "asin": (-1.0, 1.0),
    "acos": (-1.0, 1.0),
    "acosh": (1.0, math.inf),
}
"""Where a function is defined: noise must not push an operand out, as no rounding would."""
