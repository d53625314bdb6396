"""Describing a failure: which gradient is furthest off, where, by how much, and from which step."""

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.checker import check
from rnnverify.records import VERDICT_KINDS, Candidate, Case, Comparison, Failure, Verdict


def describe(verdict: Verdict, replay: str, step: int | None, remark: str = "") -> Failure:
    """Return what is to be told of a failing case.

    Args:
        verdict: A verdict that is not ok, under a clip with a number.
        replay: The command that shows the failure again.
        step: The first step whose loss alone shows it.
        remark: What else is to be said.
    """
    wrong = [each for each in verdict.comparisons if each.kind != "match"]
    if not wrong:
        return Failure(
            verdict=verdict,
            gradient=None,
            gradients=(),
            index=None,
            step=None,
            got=None,
            want=None,
            tolerance=None,
            message=f"{verdict.case.system}: {verdict.message}{remark}",
            replay=replay,
        )
    worst = max(wrong, key=lambda each: (VERDICT_KINDS.index(each.kind), each.worst))
    return Failure(
        verdict=verdict,
        gradient=worst.gradient,
        gradients=tuple(each.gradient for each in wrong),
        index=worst.index,
        step=step,
        got=worst.got,
        want=worst.want,
        tolerance=worst.tolerance,
        message=_sentence(verdict.case, worst, step) + remark,
        replay=replay,
    )


def first_wrong_step(case: Case, candidate: Candidate) -> int | None:
    """Return the first step whose loss, taken alone, has a wrong gradient; None if none has.

    Nor has any where the candidate is invalid.
    """
    for step in range(case.dims["T"]):
        verdict = check(_alone(case, step), candidate)
        if verdict.kind == "invalid":
            return None
        if verdict.failed:
            return step
    return None


def _alone(case: Case, step: int) -> Case:
    """Return a case in which only one step's loss counts: by 1, or by its cotangents, if any."""
    system = system_of(case)
    arrays = {}
    for name in system.linear:
        given, axes = case[name], system.inputs[name]
        alone = np.zeros_like(given)
        if not axes.is_scanned:
            ends = case["lengths"] if "lengths" in case else np.full(len(given), case.dims["T"])
            alone[ends == step + 1] = given[ends == step + 1]
        else:
            use = axes.values == "cotangents" and np.any(given[step])
            alone[step] = given[step] if use else 1
        arrays[name] = alone
    return case.with_arrays(arrays)


def _sentence(case: Case, worst: Comparison, step: int | None) -> str:
    where = ", ".join(map(str, worst.index))
    got, want = _distinct(worst.got, worst.want)
    when = "" if step is None else f" (the loss of step {step} alone shows it)"
    return (
        f"{case.system}: d{worst.gradient}[{where}] = {got}, "
        f"but should be {want} ± {worst.tolerance:.2g}{when}"
    )


def _distinct(a: float, b: float) -> tuple[str, str]:
    """Print two numbers with as many digits as it takes to tell them apart, and some more."""
    for digits in range(6, 18):
        texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if f"{a:.{digits - 2}g}" != f"{b:.{digits - 2}g}":
            return texts
    return f"{a!r}", f"{b!r}"
