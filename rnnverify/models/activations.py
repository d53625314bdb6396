"""Functions that several models share, in forms that lose no digits."""

import numpy as np

from rnnverify.records import Array


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + exp(-z)), which is 0, and rightly so, where exp(-z) overflows."""
    with np.errstate(over="ignore"):
        one_plus_exp = np.asarray(np.exp(-z))
    one_plus_exp += 1
    return np.asarray(np.divide(1, one_plus_exp, out=one_plus_exp))


def softplus(z: Array) -> Array:
    """Return log(1 + exp(z)), accurately also where exp(z) overflows."""
    return np.asarray(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))))
