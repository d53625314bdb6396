"""Somebody else's clips behind our raw gradients, and cases whose gradients have a known length."""

from collections.abc import Callable

import numpy as np

from rnnverify import Case, Clip
from rnnverify.models import char_rnn
from rnnverify.records import Array, Candidate
from tests.support import char_rnn_case

Gradients = dict[str, Array]
ClipFunction = Callable[[Gradients, float], Gradients]


def clipped(clip: ClipFunction) -> Candidate:
    """Return char_rnn with a clip of somebody else's, which takes gradients and a threshold."""

    def gradients(case: Case) -> Gradients:
        assert case.clip.threshold is not None
        raw = unclipped(case)
        return raw | clip({name: raw[name] for name in char_rnn.WEIGHTS}, case.clip.threshold)

    return gradients


def each_alone(clip: ClipFunction) -> ClipFunction:
    """Return a clip that is applied to one gradient after the other."""
    return lambda gradients, threshold: {
        name: clip({name: gradient}, threshold)[name] for name, gradient in gradients.items()
    }


def unclipped(case: Case) -> Gradients:
    """Return the raw gradients of a case of char_rnn, and its loss."""
    return char_rnn.gradients(case.replace(clip=Clip()))


def case_of_length(length: float, dtype: str) -> Case:
    """Return a case whose gradients are of that global norm, the threshold being half of it."""
    raw = unclipped(char_rnn_case())
    entries = np.concatenate([raw[name].ravel() for name in char_rnn.WEIGHTS])
    weights = np.full(5, length / np.linalg.norm(entries))
    case = char_rnn_case(dtype=dtype, loss_weights=weights)
    return case.replace(clip=Clip("global-norm", length / 2))
