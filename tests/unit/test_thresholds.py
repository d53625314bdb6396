"""Thresholds are drawn so that the clip is never idle throughout, and keep clear of entries."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnverify.records import Clip, ClipKind
from rnnverify.thresholds import resolve
from tests.support import char_rnn_case

GRADIENTS = {"a": np.array([1.0, 2.0, 4.0]), "b": np.array([8.0, 9.0]), "c": np.zeros(3)}
CASE = char_rnn_case()


@pytest.mark.parametrize(
    ("kind", "beyond", "changed"),
    [
        ("value", 0.0, 0),
        ("value", 0.5, 1),
        ("value", 1.0, 2),
        ("norm", 0.0, 0),
        ("norm", 0.5, 1),
        ("norm", 1.0, 2),
        ("global-norm", 0.0, 0),
        ("global-norm", 0.5, 2),
        ("global-norm", 1.0, 2),
    ],
)
def test_a_drawn_threshold_changes_its_share(kind: ClipKind, beyond: float, changed: int) -> None:
    """As many gradients lie beyond it as the case says."""
    clip, factor = resolve(Clip(kind), CASE.replace(beyond=beyond), GRADIENTS)
    norms = {name: float(np.linalg.norm(g)) for name, g in GRADIENTS.items()}
    lengths = {
        "value": {name: np.abs(g).max() for name, g in GRADIENTS.items()},
        "norm": norms,
        "global-norm": dict.fromkeys("ab", math.hypot(norms["a"], norms["b"])),
    }[kind]

    assert factor == 1
    assert clip.threshold is not None
    assert sum(length > clip.threshold for length in lengths.values()) == changed


@given(
    entries=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=4),
    beyond=st.sampled_from([0, 0.2, 0.5]),
)
def test_a_drawn_threshold_leaves_some_of_each_gradient_uncut(
    entries: list[float], beyond: float
) -> None:
    """It stays clear of the smallest entry of each, by more than rounding could cross."""
    gradients = {"a": np.array([1.0, 2.0, 4.0]), "b": np.array([*entries, 0.0])}
    clip, _ = resolve(Clip("value"), CASE.replace(beyond=beyond), gradients)

    assert clip.threshold is not None
    assert all(np.abs(g[g != 0]).min() < 0.999 * clip.threshold for g in gradients.values())


def test_loss_weights_are_doubled_until_every_gradient_passes() -> None:
    """A fixed threshold keeps its number; the factor is a power of two that lifts all beyond it."""
    clip, factor = resolve(Clip("value", 50.0), CASE.replace(beyond=1.0), GRADIENTS)

    assert clip.threshold == 50
    assert np.log2(factor) == round(np.log2(factor))
    assert factor * 4 > 50
    assert resolve(Clip("value", 50.0), CASE.replace(beyond=0.5), GRADIENTS)[1] == 1


@pytest.mark.parametrize("kind", ["value", "norm", "global-norm"])
@pytest.mark.parametrize("entry", [0.0, np.nan, np.inf])
def test_a_threshold_is_drawn_whatever_the_gradients(kind: ClipKind, entry: float) -> None:
    """Zeros, NaN and infinities give some positive number."""
    gradients = {"a": np.full(3, entry)}
    clip, _ = resolve(Clip(kind), CASE.replace(beyond=0.5), gradients)

    assert clip.threshold is not None
    assert resolve(Clip(kind, 2.0), CASE.replace(beyond=1.0), gradients)[1] == 1
