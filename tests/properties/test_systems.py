"""The property-based suite: every gradient of every system, under every clip, in both dtypes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnverify.builtin import SYSTEMS
from rnnverify.checker import check
from rnnverify.records import CLIP_KINDS, Clip
from rnnverify.strategies import cases


@pytest.mark.parametrize("clip", [*CLIP_KINDS, "value:5", "norm:1", "global-norm:1"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", SYSTEMS)
@given(data=st.data())
def test_every_gradient_matches(system: str, dtype: str, clip: str, data: st.DataObject) -> None:
    """The hand-written gradients agree with automatic differentiation of the reference."""
    case = data.draw(cases(system, dtype=dtype)).replace(clip=Clip.parse(clip))
    verdict = check(case, SYSTEMS[system].gradients)

    assert not verdict.failed, verdict
