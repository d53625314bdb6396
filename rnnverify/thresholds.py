"""Thresholds: under which number a case is clipped, so that the clip is never idle throughout."""

from collections.abc import Mapping

import numpy as np

from rnnverify.clipping import norm
from rnnverify.records import Array, Case, Clip

NEVER_BELOW = 1e-20
"""A drawn threshold is at least this share of the largest magnitude, whatever else is tiny."""
HOSTILE_ABOVE = 0.5
"""Where a clip shall change more than this share of the gradients, it may cut all of their entries,
after which little can be told of them but signs."""
CLEAR_OF = 1.01
"""A threshold keeps clear of the entry that it leaves uncut: just at an entry, rounding decides
whether it is cut, and all samples of the noise may happen to fall on one side."""
MOST_DOUBLINGS = 40
"""Loss weights are doubled so often at most, and never so often that more than half of the
exponents above the largest gradient would be used up."""


def resolve(
    clip: Clip, case: Case, gradients: Mapping[str, Array], *, adjustable: bool = True
) -> tuple[Clip, float]:
    """Return the clip with a number, and what the loss weights are to be multiplied by.

    A clip without a number gets one such that it changes the share ``case.beyond`` of the
    gradients. A clip with a number keeps it; if ``case.beyond`` is above ½, the
    loss weights are doubled until every weight's gradient passes it. Gradients are linear in the
    loss weights, and doubling is exact. A layer's cotangents are its loss weights.

    Args:
        clip: The clip that was asked for, of a kind that clips.
        case: The case.
        gradients: The reference's unclipped gradients of the arrays that are covered.
        adjustable: Whether the loss weights may be multiplied at all.
    """
    if clip.threshold is None:
        magnitudes = _magnitudes(clip, gradients)
        drawn = _draw(magnitudes, _least(clip, case, gradients), case.beyond)
        return clip.replace(threshold=drawn), 1.0
    least = min((float(np.abs(g).max()) for g in gradients.values() if np.any(g)), default=0.0)
    if not adjustable or case.beyond <= HOSTILE_ABOVE or not 0 < least < np.inf:
        return clip, 1.0
    doublings = np.ceil(np.log2(clip.threshold / least)) + 1
    largest = max(1.0, *(float(np.abs(g).max()) for g in gradients.values()))
    room = np.floor(np.log2(np.finfo(case.dtype).max / largest) / 2)
    return clip, float(2.0 ** np.clip(doublings, 0, min(MOST_DOUBLINGS, max(0, room))))


def _magnitudes(clip: Clip, gradients: Mapping[str, Array]) -> Array:
    """Return norms, or largest entries: what a threshold is drawn from, ascending, no zeros."""
    if clip.kind == "value":
        found = np.array([np.abs(g).max() for g in gradients.values()])
    elif clip.kind == "norm":
        found = np.array([norm([g]) for g in gradients.values()])
    else:
        found = np.array([norm(list(gradients.values()))])
    return np.sort(found[(found > 0) & np.isfinite(found)])


def _least(clip: Clip, case: Case, gradients: Mapping[str, Array]) -> float:
    """Return how small a threshold may be: large enough to be squared, and to leave some uncut."""
    squarable = 10 * float(np.sqrt(np.finfo(case.dtype).smallest_normal))
    if clip.kind != "value" or case.beyond > HOSTILE_ABOVE:
        return squarable
    smallest = [float(np.abs(g[g != 0]).min()) for g in gradients.values() if np.any(g)]
    return max([squarable, *(CLEAR_OF * entry for entry in smallest if np.isfinite(entry))])


def _draw(magnitudes: Array, least: float, beyond: float) -> float:
    n = len(magnitudes)
    if n == 0:
        return 1.0
    passing = int(beyond * n + 0.5)
    if passing == 0:
        drawn = 2.0 * magnitudes[-1]
    elif passing == n:
        drawn = 0.5 * magnitudes[0]
    else:
        drawn = 0.5 * (magnitudes[n - passing - 1] + magnitudes[n - passing])
    bounded = np.clip(drawn, max(NEVER_BELOW * magnitudes[-1], least), 1e300)
    return float(f"{bounded:.3g}")
