"""optax's clips behind our gradients, as they are: nothing is scaled before they square it."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np
import optax
import pytest

from rnnverify import check, verify
from tests.peers.clips import (
    ClipFunction,
    Gradients,
    case_of_length,
    clipped,
    each_alone,
    unclipped,
)

Transformation = Callable[[Any], Any]

LONGEST = 16 * 16
"""Gradients are filled up with zeros to this many entries, so that one program clips all cases'."""


def by(transformation: Transformation) -> ClipFunction:
    """Return a clip that is a gradient transformation of optax, made from a threshold."""

    def clip(gradients: Gradients, threshold: float) -> Gradients:
        (dtype,) = {gradient.dtype for gradient in gradients.values()}
        rows = [np.pad(g.ravel(), (0, LONGEST - g.size)) for g in gradients.values()]
        with jax.enable_x64(dtype == np.float64):
            found = _program(transformation)(rows, dtype.type(threshold))
        pairs = zip(gradients.items(), found, strict=True)
        return {n: np.asarray(row)[: g.size].reshape(g.shape) for (n, g), row in pairs}

    return clip


@cache
def _program(transformation: Transformation) -> Callable[..., Sequence[jax.Array]]:
    def update(rows: Sequence[jax.Array], threshold: jax.Array) -> Any:
        clipped, _ = transformation(threshold).update(rows, optax.EmptyState())
        return clipped

    return jax.jit(update)


CLIPS: list[tuple[str, ClipFunction]] = [
    ("value", by(optax.clip)),
    ("value:5", by(optax.clip)),
    ("global-norm", by(optax.clip_by_global_norm)),
    ("global-norm:1", by(optax.clip_by_global_norm)),
    ("norm", each_alone(by(optax.clip_by_global_norm))),
    ("norm:1", each_alone(by(optax.clip_by_global_norm))),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("spec", "clip"), CLIPS, ids=[spec for spec, _ in CLIPS])
def test_a_clip_agrees(spec: str, clip: ClipFunction, dtype: str) -> None:
    """Optax's clips match on generated cases, whose thresholds are never too small to be squared.

    A norm for each parameter is the global norm of one: optax has no clip of its own for that.
    """
    assert verify(clipped(clip), "char_rnn", clip=spec, dtype=dtype, cases=100).verdict == "match"


@pytest.mark.parametrize(
    "clip", [by(optax.clip_by_block_rms), by(optax.clip_by_global_norm)], ids=["rms", "all"]
)
def test_another_definition_is_found(clip: ClipFunction) -> None:
    """Neither a root mean square is a norm, nor a global norm that of one gradient."""
    assert verify(clipped(clip), "char_rnn", clip="norm", cases=60).verdict == "wrong"


def test_squares_that_overflow_are_excused() -> None:
    """Where ‖g‖² overflows, optax makes zeros of all gradients; the case counts as inconclusive."""
    case = case_of_length(1e30, "float32")
    candidate = clipped(by(optax.clip_by_global_norm))
    verdict = check(case, candidate)

    assert not np.any(candidate(case)["Whh"])
    assert (verdict.kind, verdict.message) == ("inconclusive", "the case overflows in float32")


@pytest.mark.parametrize(("dtype", "length"), [("float64", 1e-200), ("float32", 1e-25)])
def test_squares_that_underflow_are_not_excused(dtype: str, length: float) -> None:
    """Where ‖g‖² underflows, optax does not clip at all, and is wrong."""
    case = case_of_length(length, dtype)
    candidate = clipped(by(optax.clip_by_global_norm))

    assert np.array_equal(candidate(case)["Whh"], unclipped(case)["Whh"])
    assert check(case, candidate).kind == "wrong"
