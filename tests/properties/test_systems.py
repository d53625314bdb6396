"""The property-based suite: every gradient of every system, under every clip, in both dtypes.

With sequences that have lengths of their own, and truncated, for the systems that have that.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnverify.builtin import SYSTEMS
from rnnverify.checker import check, check_under
from rnnverify.records import CLIP_KINDS, Array, Case, Clip, Truncation
from rnnverify.strategies import cases

DRAWN = [Clip(kind) for kind in CLIP_KINDS]
FIXED = [Clip("value", 5), Clip("norm", 1), Clip("global-norm", 1)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", SYSTEMS)
@given(data=st.data())
def test_every_gradient_matches(system: str, dtype: str, data: st.DataObject) -> None:
    """The hand-written gradients agree with automatic differentiation of the reference."""
    case = data.draw(cases(system, dtype=dtype))
    for clips in (DRAWN, FIXED):
        for verdict in check_under(clips, case, SYSTEMS[system].gradients):
            assert not verdict.failed, verdict


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", [name for name in SYSTEMS if "B" in SYSTEMS[name].dims])
@given(data=st.data())
def test_what_comes_after_the_end_counts_for_nothing(
    system: str, dtype: str, data: st.DataObject
) -> None:
    """Nor does it leak into any gradient, where sequences in a batch have lengths of their own."""
    case = data.draw(cases(system, dtype=dtype, lengths=True))
    verdict = check(case, SYSTEMS[system].gradients)

    assert not verdict.failed, verdict
    assert not any(np.any(x[n:]) for x, n in rows(SYSTEMS[system].gradients(case)["x"], case))


def rows(x: Array, case: Case) -> list[tuple[Array, int]]:
    """Return each sequence of a batch (T D), with its length."""
    return list(zip(x.swapaxes(0, 1), case["lengths"], strict=True))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", [s for s in SYSTEMS if SYSTEMS[s].truncated_gradients])
@given(data=st.data())
def test_truncated_gradients_match(system: str, dtype: str, data: st.DataObject) -> None:
    """However far back losses go, by a window or in chunks."""
    truncation = data.draw(st.builds(Truncation, st.integers(1, 17), chunks=st.booleans()))
    case = data.draw(cases(system, dtype=dtype, truncate=truncation))
    model = SYSTEMS[system].truncated_gradients
    assert model is not None
    verdict = check(case, model)

    assert not verdict.failed, verdict
