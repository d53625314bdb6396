"""Gradient clipping in NumPy: by value, by norm, by global norm.

What every clip does, entry by entry (c is the threshold):

=================  ======================  ==========================================
the gradient g     by value                by norm, ‖g‖ over the array (or over all)
=================  ======================  ==========================================
zero               unchanged               unchanged
at the threshold   unchanged               unchanged (‖g‖ = c)
beyond it          ±c                      g · c / ‖g‖
an entry ±inf      ±c                      that entry NaN, finite entries 0
an entry NaN       that entry NaN          every entry NaN
squares overflow   --                      as if they did not: ‖g‖ is formed from g / max|g|
=================  ======================  ==========================================
"""

import numpy as np

from rnnverify.records import Array, Clip, Gradients


def clip_gradients(gradients: Gradients, clip: Clip) -> dict[str, Array]:
    """Clip gradients as the table above says.

    Args:
        gradients: The arrays that the clip covers, by name; they are left as they are.
        clip: Its threshold is a number, unless its kind is ``"none"``.

    Returns:
        New arrays of the same names, shapes and dtypes.
    """
    if clip.kind == "none":
        return dict(gradients)
    assert clip.threshold is not None
    if clip.kind == "value":
        return clip_by_value(gradients, clip.threshold)
    if clip.kind == "norm":
        return clip_by_norm(gradients, clip.threshold)
    return clip_by_global_norm(gradients, clip.threshold)


def clip_by_value(gradients: Gradients, threshold: float) -> dict[str, Array]:
    """Cut every entry to ``[-threshold, threshold]``, as min-char-rnn does with 5."""
    return {name: np.clip(g, -threshold, threshold) for name, g in gradients.items()}


def clip_by_norm(gradients: Gradients, threshold: float) -> dict[str, Array]:
    """Scale every gradient that is longer than the threshold down to it, each by itself."""
    return {name: _shorten(g, norm([g]), threshold) for name, g in gradients.items()}


def clip_by_global_norm(gradients: Gradients, threshold: float) -> dict[str, Array]:
    """Scale all gradients by one factor if together they are longer than the threshold.

    Pascanu, Mikolov and Bengio 2013, https://arxiv.org/abs/1211.5063, algorithm 1.
    """
    length = norm(list(gradients.values()))
    return {name: _shorten(g, length, threshold) for name, g in gradients.items()}


def norm(arrays: list[Array]) -> float:
    """Return the L2 norm of all entries together; it overflows only where it must."""
    largest = float(np.max([np.max(np.abs(a), initial=0.0) for a in arrays]))
    if largest == 0 or not np.isfinite(largest):
        return largest
    squares = sum(float(np.sum((a / largest) ** 2, dtype=np.float64)) for a in arrays)
    return largest * float(np.sqrt(squares))


def _shorten(g: Array, length: float, threshold: float) -> Array:
    if length <= threshold:
        return g.copy()
    with np.errstate(invalid="ignore"):
        return (g.astype(np.float64) / length * threshold).astype(g.dtype)
