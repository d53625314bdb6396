"""What the loops share: gradients of zeros, the clip, and two ways to σ."""

from collections.abc import Mapping

import numpy as np

from rnnverify.builtin import SYSTEMS
from rnnverify.clipping import clip_gradients
from rnnverify.records import Array, Case

Arrays = Mapping[str, Array]
ByStep = dict[int, Array]


def zeros(case: Case) -> dict[str, Array]:
    """Return zeros for every array that has a gradient."""
    return {name: np.zeros_like(case[name]) for name in SYSTEMS[case.system].leaves}


def clipped(case: Case, g: dict[str, Array]) -> dict[str, Array]:
    """Return the gradients, those of the weights clipped."""
    return g | clip_gradients({name: g[name] for name in SYSTEMS[case.system].weights}, case.clip)


def sigmoid(z: Array) -> Array:
    """σ(z) by tanh for small arguments, by exp elsewhere, where tanh loses what is small."""
    with np.errstate(over="ignore"):
        return np.where(np.abs(z) < 1, 0.5 + 0.5 * np.tanh(0.5 * z), 1 / (1 + np.exp(-z)))


def expit(z: Array) -> Array:
    """σ(z) by its logarithm."""
    return np.asarray(np.exp(-np.logaddexp(0, -z)))
