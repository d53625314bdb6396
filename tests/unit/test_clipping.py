"""Both clips, NumPy's and JAX's, do what the table in ``rnnverify.clipping`` says."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnverify.clipping import clip_gradients, norm
from rnnverify.records import Array, Clip, ClipKind
from rnnverify.references.clipping import CLIPS

NAN, INF = np.nan, np.inf
KINDS: list[ClipKind] = ["value", "norm", "global-norm"]


def numpy_clip(rows: Array, clip: Clip) -> Array:
    """Clip the rows of an array as gradients, by the NumPy clips."""
    clipped = clip_gradients({str(i): row for i, row in enumerate(rows)}, clip)
    return np.stack([clipped[str(i)] for i in range(len(rows))])


def jax_clip(rows: Array, clip: Clip) -> Array:
    """Clip the rows of an array as gradients, by the JAX clips."""
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own signature
        return np.asarray(CLIPS[clip.kind](jnp.asarray(rows), jnp.asarray(clip.threshold)))


SIDES = pytest.mark.parametrize("side", [numpy_clip, jax_clip])


@SIDES
@pytest.mark.parametrize(
    ("kind", "threshold", "rows", "clipped"),
    [
        ("value", 2.0, [[0, 1], [2, -3]], [[0, 1], [2, -2]]),
        ("value", 2.0, [[INF, -INF], [NAN, 1]], [[2, -2], [NAN, 1]]),
        ("norm", 5.0, [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
        ("norm", 5.0, [[3, 4], [6, 8]], [[3, 4], [3, 4]]),
        ("norm", 5.0, [[INF, 1], [6, 8]], [[NAN, 0], [3, 4]]),
        ("norm", 5.0, [[NAN, 1], [6, 8]], [[NAN, NAN], [3, 4]]),
        ("norm", 5.0, [[3e200, 4e200], [0, 1]], [[3, 4], [0, 1]]),
        ("norm", 1e-200, [[3e-200, 4e-200], [0, 0]], [[6e-201, 8e-201], [0, 0]]),
        ("global-norm", 5.0, [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
        ("global-norm", 5.0, [[3, 0], [0, 4]], [[3, 0], [0, 4]]),
        ("global-norm", 2.5, [[3, 0], [0, 4]], [[1.5, 0], [0, 2]]),
        ("global-norm", 5.0, [[INF, 0], [0, 4]], [[NAN, 0], [0, 0]]),
        ("global-norm", 5.0, [[NAN, 0], [0, 4]], [[NAN, NAN], [NAN, NAN]]),
        ("global-norm", 5.0, [[3e200, 0], [0, 4e200]], [[3, 0], [0, 4]]),
    ],
)
def test_zero_threshold_inf_and_nan(
    side: Any, kind: ClipKind, threshold: float, rows: list[Any], clipped: list[Any]
) -> None:
    """Zero and the threshold stay; inf, NaN and overflowing squares do what the table says."""
    np.testing.assert_allclose(
        side(np.array(rows, float), Clip(kind, threshold)), clipped, rtol=1e-15
    )


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_both_sides_agree(kind: ClipKind, data: st.DataObject) -> None:
    """Two clips that share no code agree on any finite gradients."""
    entry = st.floats(-1e250, 1e250)
    rows = np.array(data.draw(st.lists(st.tuples(entry, entry), min_size=2, max_size=2)))
    threshold = data.draw(st.floats(1e-250, 1e250))
    clip, nothing = Clip(kind, threshold), 1e-300 * max(1, threshold)

    np.testing.assert_allclose(numpy_clip(rows, clip), jax_clip(rows, clip), 1e-14, nothing)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_left_as_they_are(kind: ClipKind) -> None:
    """Clipping returns new arrays of the same dtype."""
    g = np.array([3.0, 4.0], np.float32)
    clipped = clip_gradients({"g": g}, Clip(kind, 1.0))["g"]

    assert clipped.dtype == np.float32
    assert not np.shares_memory(g, clipped)
    assert g.tolist() == [3, 4]


def test_no_clip_changes_nothing() -> None:
    """``none`` hands gradients through."""
    g = {"g": np.array([1e300, np.inf])}

    assert clip_gradients(g, Clip())["g"] is g["g"]


def test_the_norm_of_float32_does_not_overflow() -> None:
    """A norm whose squares overflow float32 is still right."""
    assert norm([np.full(4, 1e30, np.float32)]) == pytest.approx(2e30)
