"""What the loops share: two ways to σ that lose no digits."""

import numpy as np

from rnnverify.records import Array

ByStep = dict[int, Array]
"""Arrays by step."""


def sigmoid(z: Array) -> Array:
    """σ(z) by tanh for small arguments, by exp elsewhere, where tanh loses what is small."""
    with np.errstate(over="ignore"):
        return np.where(np.abs(z) < 1, 0.5 + 0.5 * np.tanh(0.5 * z), 1 / (1 + np.exp(-z)))


def expit(z: Array) -> Array:
    """σ(z) by its logarithm."""
    return np.asarray(np.exp(-np.logaddexp(0, -z)))
