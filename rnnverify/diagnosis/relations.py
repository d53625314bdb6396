"""Simple relations: zero, a factor, a transpose, another order, another gradient, no clip."""

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import numpy as np

from rnnverify.clipping import clip_gradients, norm
from rnnverify.diagnosis.relation import Raw, Relation
from rnnverify.diagnosis.witnesses import Witness, asked
from rnnverify.records import CLIP_KINDS, Array, Clip, ClipKind
from rnnverify.scales import Scale, usual

MOST_BLOCKS = 4
"""Blocks are tried in all their orders up to so many."""
SIMPLE = 12
"""A fraction is plain up to this denominator."""
SAME = 1e-6
"""Factors that differ by less than this share are the same, or nearly 1."""


def relations(witness: Witness, name: str) -> Iterator[Relation]:
    """Return the relations that may explain a gradient, the plainest first.

    Args:
        witness: The case that says most.
        name: The array.
    """
    yield _relation("zero", "is zero", _zero)
    yield from _of_the_clip(witness, name)
    yield from _factors(witness, name)
    yield from _orders(witness, name)
    yield from _others(witness, name)
    yield from _as_if(witness)


def _relation(name: str, text: str, raw: Raw) -> Relation:
    return Relation("relation", name, text, raw)


def _right(witness: Witness, name: str) -> Array:
    return witness.question.raw[name].want


def _zero(witness: Witness, name: str) -> Array:
    return np.zeros_like(_right(witness, name))


def _changed(change: Callable[[Array], Array], witness: Witness, name: str) -> Array:
    return change(_right(witness, name))


def _of_the_clip(witness: Witness, name: str) -> Iterator[Relation]:
    """Return what a clip may be that is not the one that was asked for."""
    asked_for, covered = witness.case.clip.kind, witness.question.covered
    if asked_for == "none" or name not in covered:
        return
    yield _clip("not_clipped", "is not clipped", _right)
    for kind in CLIP_KINDS[1:]:
        if kind != asked_for:
            text = f"is clipped by {kind}, not by {asked_for}"
            yield _clip(f"clipped_by_{kind.replace('-', '_')}", text, partial(_clipped_by, kind))
    for left_out in covered if asked_for == "global-norm" else ():
        text = f"is clipped by a norm in which that of d{left_out} is left out"
        yield _clip(f"norm_without_{left_out}", text, partial(_clipped_without, left_out))


def _clip(name: str, text: str, raw: Raw) -> Relation:
    return Relation("relation", name, text, raw, clipped=True)


def _clipped_by(kind: ClipKind, witness: Witness, name: str) -> Array:
    raw = {each: _right(witness, each) for each in witness.question.covered}
    return clip_gradients(raw, Clip(kind, witness.case.clip.threshold))[name]


def _clipped_without(left_out: str, witness: Witness, name: str) -> Array:
    threshold = witness.case.clip.threshold
    assert threshold is not None
    length = norm([_right(witness, n) for n in witness.question.covered if n != left_out])
    return _right(witness, name) * min(1.0, threshold / length if length else 1.0)


def _factors(witness: Witness, name: str) -> Iterator[Relation]:
    """Return the factors that a gradient may be off by: formulas in the axes, or a constant."""
    got, right = witness.got[name], _right(witness, name)
    largest = np.unravel_index(int(np.abs(right).argmax()), right.shape)
    ratio = float(got[largest] / right[largest]) if right[largest] else math.nan
    if not math.isfinite(ratio) or ratio in (0.0, 1.0):
        return
    for text, meaning in usual(witness.question.system.dims).items():
        if math.isclose(Scale(text).of(witness.case.dims), ratio, rel_tol=SAME):
            yield _factor(text, f" ({meaning})")
    plain = Fraction(ratio).limit_denominator(SIMPLE)
    if plain != 0 and math.isclose(plain, ratio, rel_tol=SAME):
        yield _factor(str(plain), "")
    off = ratio - 1
    blur = max(witness.question.raw[name].blur, np.finfo(float).tiny) / abs(right[largest])
    digits = 1 + sum(abs(off) > clear * blur for clear in (100, 1000))  # as many as are known
    about = f"1 {'+' if off > 0 else '-'} {abs(off):.{digits}g}"
    about = about if abs(off) < SAME else f"{ratio:.6g}"
    text = f"is {about} times what it should be, in every case"
    yield _relation("constant_factor", text, partial(_times, Scale.parse(ratio)))


def _factor(text: str, meaning: str) -> Relation:
    said = f"is {text} times what it should be{meaning}"
    return _relation(f"factor_{text}", said, partial(_times, Scale(text)))


def _times(scale: Scale, witness: Witness, name: str) -> Array:
    return scale.of(witness.case.dims) * _right(witness, name)


def _orders(witness: Witness, name: str) -> Iterator[Relation]:
    """Return the orders in which the entries of a gradient may stand."""
    system = witness.question.system
    axes = system.arrays[name].names
    if axes[1:] == axes[:1]:
        yield _relation("transpose", "is its own transpose", partial(_changed, np.transpose))
    for place, axis in enumerate(axes):
        if axis.isdigit():
            yield from _block_orders(int(axis), place)
            continue
        what = system.dims.get(axis, axis)
        moves: tuple[tuple[str, str, Callable[[Array], Array]], ...] = (
            ("reversed", "in reverse order", partial(np.flip, axis=place)),
            (
                "one_later",
                "one place later, and around the end",
                partial(np.roll, shift=1, axis=place),
            ),
            (
                "one_earlier",
                "one place earlier, and around the end",
                partial(np.roll, shift=-1, axis=place),
            ),
        )
        for key, where, move in moves:
            yield _relation(f"{axis}_{key}", f"has its {what} {where}", partial(_changed, move))


def _block_orders(blocks: int, place: int) -> Iterator[Relation]:
    """Return the orders of the blocks that stand side by side, such as those of gates."""
    for order in itertools.permutations(range(blocks)) if blocks <= MOST_BLOCKS else ():
        key, said = "".join(map(str, order)), ", ".join(map(str, order))
        move = partial(np.take, indices=order, axis=place)
        yield _relation(
            f"order_{key}", f"has its blocks in the order {said}", partial(_changed, move)
        )


def _others(witness: Witness, name: str) -> Iterator[Relation]:
    """Return the other gradients of the same axes, and their transposes."""
    arrays = witness.question.system.arrays
    for other in witness.question.system.leaves:
        if other != name and arrays[other].names == arrays[name].names:
            text = f"is what d{other} should be"
            yield _relation(f"that_of_{other}", text, partial(_that_of, other))
            text = f"is the sum of itself and what d{other} should be"
            yield _relation(f"with_that_of_{other}", text, partial(_with_that_of, other))
        elif other != name and arrays[other].names[::-1] == arrays[name].names:
            text = f"is the transpose of what d{other} should be"
            yield _relation(f"transpose_of_{other}", text, partial(_transpose_of, other))


def _that_of(other: str, witness: Witness, _name: str) -> Array:
    return _right(witness, other)


def _with_that_of(other: str, witness: Witness, name: str) -> Array:
    return _right(witness, name) + _right(witness, other)


def _transpose_of(other: str, witness: Witness, _name: str) -> Array:
    return _right(witness, other).T


def _as_if(witness: Witness) -> Iterator[Relation]:
    """Return what a gradient is if an input is ignored, or all but one sequence of a batch."""
    system = witness.question.system
    for name in system.linear:
        text = f"is what it should be if {name} were 1"
        yield _relation(f"{name}_ignored", text, partial(_if_it_were, name, 1.0))
    for name in system.state:
        text = f"is what it should be if {name} were 0"
        yield _relation(f"{name}_ignored", text, partial(_if_it_were, name, 0.0))
    for index, which in ((0, "first"), (-1, "last")) if "B" in witness.case.dims else ():
        text = f"is that of the {which} sequence of the batch alone"
        yield _relation(f"{which}_sequence_only", text, partial(_of_sequence, index))


def _if_it_were(array: str, value: float, witness: Witness, name: str) -> Array | None:
    if array in witness.case.fixed:
        return None
    return _right_with(witness, {array: np.full_like(witness.case[array], value)}, name)


def _of_sequence(index: int, witness: Witness, name: str) -> Array | None:
    """Return a gradient in which only one sequence of the batch counts."""
    case, system = witness.case, witness.question.system
    if not case.fixed.isdisjoint(system.linear):
        return None
    arrays = {}
    for each in system.linear:
        rows = np.moveaxis(np.zeros_like(case[each]), system.inputs[each].names.index("B"), 0)
        rows[index] = np.moveaxis(case[each], system.inputs[each].names.index("B"), 0)[index]
        arrays[each] = np.moveaxis(rows, 0, system.inputs[each].names.index("B"))
    return _right_with(witness, arrays, name)


def _right_with(witness: Witness, arrays: dict[str, Array], name: str) -> Array:
    """Return what a gradient should be, without a clip, if some arrays were others."""
    case = witness.case.with_arrays(arrays).replace(clip=Clip())
    return asked(case, witness.question.terms).raw[name].want
