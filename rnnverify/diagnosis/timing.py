"""Timing: from which step on, backwards, gradients are wrong.

The gradient of an input that is read step by step shows each step by itself; those of weights do
once their factors are told apart.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from rnnverify.diagnosis.factors import Factor
from rnnverify.diagnosis.witnesses import Witness


def first_difference(witnesses: Sequence[Witness], factors: Mapping[str, Factor]) -> str:
    """Say how many of the last steps are right, and which is the first, backwards, that is not.

    Returns:
        "" where nothing shows it.
    """
    shown = [_right_inputs(each) for each in witnesses if each.failing and each.steps > 1]
    known = [right for right in shown if right is not None]
    known += [factor.right for factor in factors.values() if factor.side == "adjoint"]
    if not known:
        return ""
    return since(min(known))


def since(right: int, *, several: bool = False) -> str:
    """Say from which step on, backwards, things differ, if so many of the last are right."""
    verb = "differ" if several else "differs"
    if right == 0:
        return f"{verb} from the last step, T-1, on"
    which = "the last step is" if right == 1 else f"the last {right} steps are"
    return f"first {verb} at step T-{right + 1}; {which} right"


def _right_inputs(witness: Witness) -> int | None:
    """Return how many of the last steps are right in the gradients of what is read by step."""
    arrays = witness.question.system.arrays
    wrong: set[int] = set()
    for name in witness.failing:
        if arrays[name].names[0] == "T":
            interval = witness.question.wanted[name]
            with np.errstate(invalid="ignore"):
                right = np.abs(witness.got[name] - interval.want) <= interval.tolerance
            wrong |= {t for t, each in enumerate(right) if not np.all(each)}
    return witness.steps - 1 - max(wrong) if wrong else None
