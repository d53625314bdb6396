"""Walks a jaxpr and evaluates it with noise: one small rule a primitive.

``noisy(f)`` is a function like ``f`` that takes a Noise first. Primitives that contain jaxprs (jit,
scan, while, cond, custom derivatives) have their rules here, since they walk on inside.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from rnnverify.errors import MissingRuleError
from rnnverify.rounding.noise import Noise, Perturber
from rnnverify.rounding.rules import DOMAINS, RULES, again, many
from rnnverify.rounding.sums import Atom, Sum, SumOfContractions, loop_of

Values = Sequence[Any]
UNKNOWN_FACTOR = 4.0
"""What is not known rounds like a transcendental function."""


def noisy(
    function: Callable[..., Any], *example: Any, unknown: set[str] | None = None
) -> Callable[..., Any]:
    """Return ``function`` with noise in every arithmetic operation.

    Args:
        function: A JAX function of arrays, or trees of them.
        example: Arguments of the shapes and dtypes that it will be called with.
        unknown: Where given, a primitive without a rule gets noise on its operands and its result,
            and its name is added here.

    Returns:
        A function of a Noise and of the arguments, which can be jitted and vmapped.

    Raises:
        MissingRuleError: if it uses a primitive without a rule, and ``unknown`` is None.
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*example)
    structure = jax.tree.structure(shapes)
    perturber = Perturber()

    def run(noise: Noise, *arguments: Any) -> Any:
        walk = _Walk(perturber, noise, unknown)
        return jax.tree.unflatten(structure, walk.closed(closed, jax.tree.leaves(arguments)))

    return run


@dataclass(frozen=True)
class _Walk:
    """A walk through a jaxpr, in one sample, at one iteration of the loops around."""

    perturber: Perturber
    noise: Noise
    unknown: set[str] | None

    def closed(self, closed: ClosedJaxpr, arguments: Values) -> list[Any]:
        return self.open(closed.jaxpr, closed.consts, arguments)

    def open(self, jaxpr: Jaxpr, consts: Values, arguments: Values) -> list[Any]:
        given = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))
        return self.evaluated(jaxpr.eqns, given, jaxpr.outvars)

    def evaluated(
        self, equations: Iterable[JaxprEqn], given: Mapping[Var, Any], wanted: Sequence[Atom]
    ) -> list[Any]:
        values = dict(given)

        def read(atom: Atom) -> Any:
            return atom.val if isinstance(atom, Literal) else values[atom]

        for equation in equations:
            results = self.equation(equation, [read(atom) for atom in equation.invars])
            values.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in wanted]

    def equation(self, equation: JaxprEqn, operands: Values) -> Values:
        name = equation.primitive.name
        if name in CONTAINERS:
            return CONTAINERS[name](self, equation, operands)
        if name in DOMAINS:
            operands = [self.noise.kept_inside(operands[0], *DOMAINS[name])]
        results = again(equation, *operands)
        outs = list(results) if equation.primitive.multiple_results else [results]
        if not any(_is_real(out) for out in outs):
            return outs
        if name not in RULES:
            return self.whatever(equation, operands)
        rounding = RULES[name](equation, operands, outs[0])
        if rounding is None:
            return outs
        (out,) = outs
        if out.dtype != np.float64:
            raise MissingRuleError(_coarse(equation, out.dtype))
        return [self.perturber.perturb(self.noise, out, *rounding)]

    def whatever(self, equation: JaxprEqn, operands: Values) -> Values:
        """Evaluate a primitive without a rule, its operands and its results being rounded."""
        if self.unknown is None:
            raise MissingRuleError(_missing(equation))
        self.unknown.add(equation.primitive.name)
        results = again(equation, *map(self.rounded, operands))
        outs = list(results) if equation.primitive.multiple_results else [results]
        return [self.rounded(out) for out in outs]

    def sum(self, of: Sum, totals: Values, kept: Values, terms: int) -> Any:
        """Return a sum over a loop's iterations, rounded as one."""
        if isinstance(of, SumOfContractions):
            (value,) = self.equation(of.whole, kept)
            return functools.reduce(lambda moved, move: again(move, moved), of.moves, value)
        value, magnitude = totals
        return self.perturber.perturb(self.noise, value, magnitude, many(terms))

    def rounded(self, value: Any) -> Any:
        if not _is_real(value) or value.dtype != np.float64:
            return value
        return self.perturber.perturb(self.noise, value, jnp.abs(value), UNKNOWN_FACTOR)

    def at(self, iteration: jax.Array) -> "_Walk":
        return _Walk(self.perturber, self.noise.at(iteration), self.unknown)


def _is_real(value: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(value), jnp.inexact))


def _missing(equation: JaxprEqn) -> str:
    return (
        f"no rounding rule for the JAX primitive {equation.primitive.name!r}, "
        f"which the reference uses in: {equation}\n"
        "Write the reference without it, or add a rule to rnnverify.rounding.rules.RULES."
    )


def _coarse(equation: JaxprEqn, dtype: Any) -> str:
    return (
        f"the reference computes in {dtype}, in: {equation}\n"
        "Write it so that it computes in float64, whatever the candidate computes in."
    )


def _jit(walk: _Walk, equation: JaxprEqn, operands: Values) -> Values:
    return walk.closed(equation.params["jaxpr"], operands)


def _call(walk: _Walk, equation: JaxprEqn, operands: Values) -> Values:
    return walk.closed(equation.params["call_jaxpr"], operands)


def _checkpoint(walk: _Walk, equation: JaxprEqn, operands: Values) -> Values:
    return walk.open(equation.params["jaxpr"], (), operands)


def _scan(walk: _Walk, equation: JaxprEqn, operands: Values) -> Values:
    params = equation.params
    inner = params["jaxpr"].jaxpr
    sliced = sum(map(_is_sliced, equation.invars, inner.invars))
    stacked = sum(map(_is_sliced, equation.outvars, inner.outvars))
    m = len(operands) - sliced
    n = m - (len(equation.outvars) - stacked)
    loop = loop_of(inner, slice(n, m))
    consts = [*params["jaxpr"].consts, *operands[:n]]
    fixed = dict(zip((*inner.constvars, *inner.invars[:n]), consts, strict=True))

    def body(state: Any, xs: Values) -> tuple[Any, Any]:
        iteration, carry, totals = state
        given = fixed | dict(zip(loop.given, (*carry, *xs), strict=True))
        wanted = list(itertools.chain(*loop.wanted))
        outs = iter(walk.at(iteration).evaluated(loop.equations, given, wanted))
        carry, ys, *found = (list(itertools.islice(outs, len(each))) for each in loop.wanted)
        steps = [each.step(*now) for each, *now in zip(loop.sums, totals, found, strict=True)]
        totals, kept = [total for total, _ in steps], [kept for _, kept in steps]
        return (iteration + 1, carry, totals), (ys, kept)

    carries = operands[n:m]
    totals = [each.start for each in loop.sums]
    (_, carry, totals), (ys, kept) = jax.lax.scan(
        body,
        (jnp.uint32(0), [carries[place] for place in loop.held], totals),
        list(operands[m:]),
        length=params["length"],
        reverse=params["reverse"],
        unroll=params["unroll"],
    )
    ended = dict(zip(loop.held, carry, strict=True))
    for each, total, factors in zip(loop.sums, totals, kept, strict=True):
        whole = walk.sum(each, total, factors, params["length"])
        (ended[each.place],) = walk.equation(each.addition, [carries[each.place], whole])
    return [*(ended[place] for place in range(len(carries))), *ys]


def _is_sliced(outside: Any, inside: Any) -> bool:
    """Whether a scan's body sees one slice of a value at each step.

    How a scan's parameters tell constants, carry and slices apart differs between versions of JAX;
    that slices have one axis less does not.
    """
    return len(outside.aval.shape) > len(inside.aval.shape)


def _while(walk: _Walk, equation: JaxprEqn, operands: Values) -> Values:
    params = equation.params
    n = params["cond_nconsts"]
    m = n + params["body_nconsts"]
    cond_consts, body_consts, init = operands[:n], operands[n:m], operands[m:]

    def condition(state: tuple[jax.Array, list[Any]]) -> Any:
        iteration, carry = state
        (go_on,) = walk.at(iteration).closed(params["cond_jaxpr"], [*cond_consts, *carry])
        return go_on

    def body(state: tuple[jax.Array, list[Any]]) -> tuple[jax.Array, list[Any]]:
        iteration, carry = state
        inside = walk.at(iteration)
        return iteration + 1, inside.closed(params["body_jaxpr"], [*body_consts, *carry])

    _, carry = jax.lax.while_loop(condition, body, (jnp.uint32(0), list(init)))
    return carry


def _cond(walk: _Walk, equation: JaxprEqn, operands: Values) -> Values:
    index, *rest = operands

    def branch(closed: ClosedJaxpr) -> Callable[..., list[Any]]:
        return lambda *arguments: walk.closed(closed, arguments)

    results: Values = jax.lax.switch(
        index, [branch(each) for each in equation.params["branches"]], *rest
    )
    return results


Container = Callable[[_Walk, JaxprEqn, Values], Values]

CONTAINERS: dict[str, Container] = {
    "jit": _jit,
    "pjit": _jit,
    "closed_call": _call,
    "core_call": _call,
    "custom_jvp_call": _call,
    "custom_vjp_call": _call,
    "checkpoint": _checkpoint,
    "remat": _checkpoint,
    "remat2": _checkpoint,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
