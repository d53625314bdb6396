"""Ratios: the one factor by which all gradients are off, if there is one."""

from typing import Any, NamedTuple

import numpy as np

from rnnverify.clipping import norm
from rnnverify.questions import Got, Question
from rnnverify.records import Array
from rnnverify.scales import exact, usual_scales

CLEAR = 1e3
"""An entry tells a ratio where it is so many times its tolerance."""


class Ratio(NamedTuple):
    """The one factor by which all gradients are off.

    Attributes:
        value: The factor.
        vague: Whether a clip leaves no more of it than its sign.
    """

    value: float
    vague: bool = False


def ratio_of(question: Question, got: Got) -> Ratio | None:
    """Return the one factor by which all gradients are off; None if there is none.

    Args:
        question: Its case is neither chaotic nor does it overflow.
        got: What the candidate returned, and at least one of which is wrong.
    """
    clear = {
        n: np.abs(question.raw[n].want) / question.raw[n].tolerance
        for n in question.system.leaves
        if n in got
    }
    free = {n: np.where(_unclipped(question, n, got), clear[n], 0.0) for n in clear}
    place = _clearest(free)
    tried: list[float | None] = []
    if place is not None:
        tried = [_measured(question, got, free, *place)]
    elif _clearest(clear) is not None:
        tried = [*usual_scales(question.case.dims)]
    for value in tried:
        if value not in (None, 1.0) and _all_match(question.times(value), got):
            return Ratio(value, vague=place is None)
    return None


def _all_match(question: Question, got: Got) -> bool:
    return all(each.kind == "match" for each in question.compare(got))


def _clearest(clear: Got) -> tuple[str, Any] | None:
    """Return the name and place of the entry that tells a ratio best, if any does."""
    name = max(clear, key=lambda name: float(clear[name].max()))
    place = np.unravel_index(int(clear[name].argmax()), clear[name].shape)
    return (name, place) if clear[name][place] >= CLEAR else None


def _measured(
    question: Question, got: Got, clear: Got, name: str, place: tuple[Any, ...]
) -> float | None:
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = float(got[name][place] / question.raw[name].want[place])
    error = 2 / float(clear[name][place])
    return exact(ratio, error, question.case.dims, question.system.dims)


def _unclipped(question: Question, name: str, got: Got) -> Array:
    """Return a mask of the entries that the candidate's clip has left as they were."""
    clip, given = question.case.clip, got[name]
    everywhere = np.ones(given.shape, bool)
    if clip.kind == "none" or name not in question.covered:
        return everywhere
    assert clip.threshold is not None
    below = clip.threshold * (1 - 1e-6)
    if clip.kind == "value":
        return np.abs(given) < below
    together = [given] if clip.kind == "norm" else [got[n] for n in question.covered if n in got]
    return everywhere & bool(norm(together) < below)
