"""Factors: at each step a weight's gradient is an adjoint times what the weight was multiplied by.

Where one of the two is right, the other is what solves a linear system: so it can be seen which of
them is wrong, at which steps, and whether it belongs to a neighbouring step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from rnnverify.diagnosis.witnesses import Witness
from rnnverify.records import Array

FEWEST = 3
"""Cases that must agree."""
SINGULAR = 1e-5
"""Singular values below this share of the largest are none."""
LEFT = 1e-3
"""What is right explains an error but for this share of it; what is wrong leaves a hundred times as
much."""
PARALLEL = 1e-9
"""By how much less than 1 the cosine between two directions may be, if they are the same."""


class Shown(NamedTuple):
    """What a case shows: how many of its last steps are right, and how many steps it has."""

    right: int
    steps: int


@dataclass(frozen=True)
class Factor:
    """Which factor of a gradient is wrong.

    Attributes:
        side: ``adjoint``, or ``activation``, what the weight is multiplied by; ``neither`` where
            neither of the two alone explains the error.
        shift: By how many steps it is late, where it is that of another step; else 0.
        shown: In each case, at which steps it is right.
    """

    side: Literal["adjoint", "activation", "neither"]
    shift: int = 0
    shown: tuple[Shown, ...] = ()


def wrong_factor(witness: Witness, name: str) -> Factor | None:
    """Return which factor of a gradient is wrong; None where that cannot be told."""
    blur = witness.question.raw[name].blur / abs(witness.question.factor)
    split = _split(witness, name)
    if split is None or not np.all(np.isfinite(witness.got[name])):
        return None
    left, right, adjoint_is_left = split
    got, want = _matrix(witness.got[name]), _matrix(witness.question.raw[name].want)
    error = (got - want) / witness.question.factor
    left_is_right, right_is_right = _spans(left, error), _spans(right, error.T)
    if left_is_right and right_is_right is False:
        known, should, off, side = left, right, error, not adjoint_is_left
    elif right_is_right and left_is_right is False:
        known, should, off, side = right, left, error.T, adjoint_is_left
    elif left_is_right is right_is_right is False and np.abs(error).max() * LEFT > blur:
        return Factor(side="neither")
    else:
        return None
    difference = np.linalg.lstsq(known.T, off, rcond=None)[0]
    wrong = np.abs(difference).max(axis=1)
    smallest = np.linalg.svd(known, compute_uv=False)[-1]
    if blur > LEFT * wrong.max() * smallest:  # rounding alone would make right steps look wrong
        return None
    correct = len(wrong) - 1 - int(np.flatnonzero(wrong > LEFT * wrong.max())[-1])
    return Factor(
        side="adjoint" if side else "activation",
        shift=_shift(should + difference, should),
        shown=(Shown(correct, len(wrong)),),
    )


def _matrix(gradient: Array) -> Array:
    """Return a gradient as a matrix: gates that stand side by side belong to the columns."""
    return gradient.reshape(len(gradient), -1)


def _split(witness: Witness, name: str) -> tuple[Array, Array, bool] | None:
    """Return the factors of each step (T rows) and (T columns), and whether the first are adjoints.

    The activations are what the losses of different steps have in common.
    """
    system, steps = witness.question.system, witness.steps
    if not witness.splits or name not in system.weights or len(system.weights[name].names) == 1:
        return None
    parts = witness.question.evaluation.split[name][:, :steps]
    parts = parts.reshape(steps, steps, parts.shape[2], -1)
    if not np.all(np.isfinite(parts)):
        return None
    u, s, v = np.linalg.svd(parts.sum(axis=0))
    if s.shape[1] < 2 or np.any(s[:, 1] > SINGULAR * s[:, 0]) or not np.all(s[:, 0] > 0):  # noqa: PLR2004
        return None
    left, right = u[:, :, 0], s[:, :1] * v[:, 0]
    own, later = parts[0, 0], parts[-1, 0]
    if not np.any(own) or not np.any(later):
        return None
    columns, rows = _parallel(own.T, later.T), _parallel(own, later)
    return None if columns == rows else (left, right, rows)


def _parallel(a: Array, b: Array) -> bool:
    """Whether the rows of two matrices of rank one point in the same direction."""
    (first, second) = (np.linalg.svd(each)[2][0] for each in (a, b))
    return bool(abs(first @ second) > 1 - PARALLEL)


def _spans(known: Array, error: Array) -> bool | None:
    """Whether an error is made of the known factors of some steps; None where that is not clear."""
    steps, size = known.shape
    values = np.linalg.svd(known, compute_uv=False)
    if steps >= size:
        return None
    found = np.linalg.lstsq(known.T, error, rcond=SINGULAR)[0]
    left = np.abs(known.T @ found - error).max() / np.abs(error).max()
    if left > 100 * LEFT:
        return False
    independent = values[-1] > SINGULAR * values[0]
    return True if left <= LEFT and independent else None


def _shift(found: Array, should: Array) -> int:
    """Return by how many steps what was found is late, but for its length; 0 if it is not."""
    for shift in (1, -1):
        pairs = zip(found[max(0, -shift) :], should[max(0, shift) :], strict=False)
        if all(_is_multiple(a, b) for a, b in pairs):
            return shift
    return 0


def _is_multiple(a: Array, b: Array) -> bool:
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return bool(lengths > 0 and abs(a @ b) > (1 - PARALLEL) * lengths)


def agreed(factors: Sequence[Factor | None]) -> Factor | None:
    """Return what several cases agree on; None where they do not, or are too few."""
    known = [factor for factor in factors if factor is not None]
    sides = {factor.side for factor in known}
    if len(known) < FEWEST or len(sides) != 1 or "neither" in sides:
        return None
    shifts = {factor.shift for factor in known}
    return Factor(
        side=known[0].side,
        shift=shifts.pop() if len(shifts) == 1 else 0,
        shown=tuple(each for factor in known for each in factor.shown),
    )
