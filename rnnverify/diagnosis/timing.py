"""Timing: from which step on, backwards, gradients are wrong.

Those of weights show it once their factors are told apart; that of an input that is read step by
step shows each step by itself.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from rnnverify.diagnosis.factors import Factor, Shown
from rnnverify.diagnosis.witnesses import Witness


def first_difference(
    witnesses: Sequence[Witness], factors: Mapping[str, Factor], *, all_known: bool
) -> str:
    """Say which step is the first, backwards, that is wrong.

    Args:
        witnesses: Cases, of which those count in which gradients of inputs are wrong.
        factors: Which factors of the weights' gradients are wrong.
        all_known: Whether those are all that are wrong; else no step can be called right.

    Returns:
        "" where nothing shows it.
    """
    adjoints = [each for f in factors.values() if f.side == "adjoint" for each in f.shown]
    if adjoints and (all_known or any(each.right == 0 for each in adjoints)):
        when = since(adjoints, several=True)
        return when and f"the adjoints {when}"
    arrays = witnesses[0].question.system.inputs
    for name in (n for n in witnesses[0].got if n in arrays):
        failing = [each for each in witnesses if name in each.failing and each.steps > 1]
        when = since([_shown(each, name) for each in failing])
        if when:
            return f"d{name} {when}"
    return ""


def since(shown: Sequence[Shown], *, several: bool = False) -> str:
    """Say from which step on, backwards, things differ.

    What holds of one number of steps only may be a step counted from the end, or from the start.

    Args:
        shown: What the cases show.
        several: Whether they are several things.

    Returns:
        "" where it is neither.
    """
    if not shown:
        return ""
    verb = "differ" if several else "differs"
    right = min(each.right for each in shown)
    if _is_general({each.steps for each in shown if each.right == right}, shown):
        if right == 0:
            return f"{verb} from the last step, T-1, on"
        which = "the last step is" if right == 1 else f"the last {right} steps are"
        return f"first {verb} at step T-{right + 1}; {which} right"
    step = max(each.steps - 1 - each.right for each in shown)
    if _is_general({each.steps for each in shown if each.steps - 1 - each.right == step}, shown):
        return f"{verb} at step 0 only" if step == 0 else f"{verb} from step {step} on, backwards"
    return ""


def _is_general(found: set[int], shown: Sequence[Shown]) -> bool:
    """Whether something was found for two numbers of steps, or for the only one there is."""
    return len(found) > 1 or len(found) == len({each.steps for each in shown})


def _shown(witness: Witness, name: str) -> Shown:
    """Return what the gradient of an input that is read step by step shows, where it is wrong."""
    interval = witness.question.wanted[name]
    with np.errstate(invalid="ignore"):
        right = np.abs(witness.got[name] - interval.want) <= interval.tolerance
    wrong = [t for t, each in enumerate(right) if not np.all(each)]
    return Shown(witness.steps - 1 - max(wrong), witness.steps)
