"""Sums over the iterations of a loop: formed, and rounded, at once.

The gradient of a weight that every step of a scan uses is a sum over steps: differentiating makes
it a carry to which each iteration adds a term. Noise in every partial sum would cost more than all
else together. So such a carry is taken out of the loop, and gets the noise of one sum of so many
terms (Higham 2002, section 4.2), in whichever order code adds them up. Terms that are products, or
sums over a batch, are not even formed: their operands are kept, and contracted once, over all
iterations, since that is how code may form them, too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

ADDITIONS = ("add", "add_any")
CONTRACTIONS = ("dot_general", "reduce_sum")
Atom = Var | Literal


@dataclass(frozen=True)
class Sum:
    """A carry that is only ever added to, and that nothing else in the loop looks at.

    Attributes:
        place: Its place among the carries.
        addition: The equation that adds a term to it.
        term: What is added.
    """

    place: int
    addition: JaxprEqn
    term: Var

    @property
    def left_out(self) -> tuple[JaxprEqn, ...]:
        """The equations that an iteration need not evaluate."""
        return (self.addition,)

    @property
    def wanted(self) -> list[Atom]:
        """What is needed of an iteration."""
        return [self.term]

    @property
    def start(self) -> tuple[Any, ...]:
        """The sum, and that of absolute values, before the first iteration."""
        zeros = jnp.zeros(shape_of(self.term))
        return zeros, zeros

    def step(self, totals: Any, found: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """Return the sums after an iteration, and what of it is kept besides."""
        total, magnitude = totals
        (term,) = found
        return (lax.add(total, term), lax.add(magnitude, lax.abs(term))), ()


@dataclass(frozen=True)
class SumOfSlices(Sum):
    """One whose terms are zero but for a slice, as the gradient of a token's column is.

    Attributes:
        update: The equation that puts the slice among zeros.
    """

    update: JaxprEqn

    @property
    def left_out(self) -> tuple[JaxprEqn, ...]:
        """The equations that an iteration need not evaluate."""
        return (self.addition, self.update)

    @property
    def wanted(self) -> list[Atom]:
        """The slice, and where it is."""
        return list(self.update.invars[1:])

    def step(self, totals: Any, found: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """Return the sums after an iteration, and what of it is kept besides."""
        piece, *start = found
        pieces = (piece, lax.abs(piece))
        return tuple(_with(*each, start) for each in zip(totals, pieces, strict=True)), ()


def _with(total: Any, piece: Any, start: Sequence[Any]) -> Any:
    there = lax.dynamic_slice(total, start, piece.shape)
    return lax.dynamic_update_slice(total, lax.add(there, piece), start)


@dataclass(frozen=True)
class SumOfContractions(Sum):
    """One whose terms are products, or sums themselves.

    Attributes:
        contraction: The equation that forms the product, or the sum.
        moves: The transpositions that make the term out of it, in order.
    """

    contraction: JaxprEqn
    moves: tuple[JaxprEqn, ...]

    @property
    def left_out(self) -> tuple[JaxprEqn, ...]:
        """The equations that an iteration need not evaluate."""
        return (self.addition, *self.moves, self.contraction)

    @property
    def wanted(self) -> list[Atom]:
        """The operands."""
        return list(self.contraction.invars)

    @property
    def start(self) -> tuple[Any, ...]:
        """Nothing is added up in the loop."""
        return ()

    def step(self, totals: Any, found: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """Return that the operands are kept."""
        return totals, found

    @property
    def whole(self) -> JaxprEqn:
        """The same for all iterations, which are the operands' first axis."""
        params = self.contraction.params
        if "axes" in params:
            changed: dict[str, Any] = {"axes": (0, *_later(params["axes"]))}
        else:
            (a, b), batch = params["dimension_numbers"]
            contracted = ((0, *_later(a)), (0, *_later(b)))
            changed = {"dimension_numbers": (contracted, tuple(map(_later, batch)))}
        whole: JaxprEqn = self.contraction.replace(params={**params, **changed})
        return whole


def _later(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + 1 for axis in axes)


@dataclass(frozen=True)
class Loop:
    """The body of a scan whose sums over iterations are taken out of it.

    Attributes:
        equations: What an iteration evaluates.
        given: The variables that it is given: carries, and slices of what is read step by step.
        wanted: What it is asked for: carries, slices of results, and what each sum needs.
        held: The places of the carries that it has.
        sums: The sums, in the places of the others.
    """

    equations: Sequence[JaxprEqn]
    given: Sequence[Var]
    wanted: Sequence[Sequence[Atom]]
    held: Sequence[int]
    sums: Sequence[Sum]


def loop_of(body: Jaxpr, carries: slice) -> Loop:
    """Return a scan's body, its sums taken out.

    Args:
        body: The body.
        carries: Where its inputs are carries; its first outputs are.
    """
    sums, count = sums_in(body, carries), carries.stop - carries.start
    left_out = {id(equation) for each in sums for equation in each.left_out}
    summed = {each.place for each in sums}
    held = [place for place in range(count) if place not in summed]
    before, after = body.invars[carries], body.outvars[:count]
    return Loop(
        equations=[equation for equation in body.eqns if id(equation) not in left_out],
        given=[*(before[place] for place in held), *body.invars[carries.stop :]],
        wanted=[
            [after[place] for place in held],
            body.outvars[count:],
            *(each.wanted for each in sums),
        ],
        held=held,
        sums=sums,
    )


def sums_in(body: Jaxpr, carries: slice) -> list[Sum]:
    """Return the sums over iterations among the carries of a loop's body.

    Args:
        body: The body.
        carries: Where its inputs are carries; its first outputs are.
    """
    made = {out: equation for equation in body.eqns for out in equation.outvars}
    read = [*body.outvars, *(atom for equation in body.eqns for atom in equation.invars)]
    uses = Counter(atom for atom in read if isinstance(atom, Var))
    found = []
    for place, (before, after) in enumerate(zip(body.invars[carries], body.outvars, strict=False)):
        addition = _maker(after, made)
        if addition is None or addition.primitive.name not in ADDITIONS:
            continue
        others = [atom for atom in addition.invars if atom is not before]
        terms = [atom for atom in others if isinstance(atom, Var) and _are_alike(atom, before)]
        if uses[before] == uses[addition.outvars[0]] == len(others) == len(terms) == 1:
            found.append(_told_apart(Sum(place, addition, terms[0]), made, uses))
    return found


def shape_of(atom: Any) -> tuple[int, ...]:
    """Return the shape of what a variable of a jaxpr stands for."""
    return tuple(atom.aval.shape)


def _maker(atom: Any, made: Mapping[Var, JaxprEqn]) -> JaxprEqn | None:
    return None if isinstance(atom, Literal) else made.get(atom)


def _are_alike(term: Any, carry: Any) -> bool:
    doubles = term.aval.dtype == carry.aval.dtype == np.float64
    return doubles and shape_of(term) == shape_of(carry)


def _told_apart(plain: Sum, made: Mapping[Var, JaxprEqn], uses: Mapping[Var, int]) -> Sum:
    """Return a sum as the kind that it is, by how its terms are made."""
    atom: Any = plain.term
    moves: list[JaxprEqn] = []
    while uses[atom] == 1 and (equation := _maker(atom, made)) is not None:
        kind = equation.primitive.name
        if kind in CONTRACTIONS:
            return SumOfContractions(
                plain.place, plain.addition, plain.term, equation, tuple(moves)
            )
        if kind == "dynamic_update_slice" and not moves and _is_zero(equation.invars[0], made):
            return SumOfSlices(plain.place, plain.addition, plain.term, equation)
        if kind != "transpose":
            break
        moves.insert(0, equation)
        (atom,) = equation.invars
    return plain


def _is_zero(atom: Any, made: Mapping[Var, JaxprEqn]) -> bool:
    """Whether an operand is zero throughout."""
    equation = _maker(atom, made)
    if equation is None or equation.primitive.name != "broadcast_in_dim":
        return False
    value = equation.invars[0]
    return isinstance(value, Literal) and not np.any(value.val)
