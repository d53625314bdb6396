"""Clips are read as people write them, and refuse what cannot be."""

import numpy as np
import pytest

import rnnverify
from rnnverify.records import Clip
from tests.support import char_rnn_case


@pytest.mark.parametrize(
    ("text", "clip"),
    [
        ("none", Clip()),
        ("value:5", Clip("value", 5.0)),
        ("norm", Clip("norm")),
        ("global-norm:1e-3", Clip("global-norm", 1e-3)),
    ],
)
def test_a_clip_is_read_and_printed(text: str, clip: Clip) -> None:
    """A clip's text is read, and reading what it prints gives the clip again."""
    assert Clip.parse(text) == clip
    assert Clip.parse(str(clip)) == clip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clamp:5", "value:5"),
        ("value:", "is not a number"),
        ("value:five", "'five'"),
        ("value:-1", "positive"),
        ("norm:0", "positive"),
        ("norm:inf", "finite"),
        ("value:nan", "finite"),
        ("none:5", "takes no threshold"),
    ],
)
def test_a_clip_that_cannot_be_is_refused(text: str, words: str) -> None:
    """The error says what was wrong with a clip's text, or what would be right."""
    with pytest.raises(rnnverify.UsageError, match=words):
        Clip.parse(text)


def test_a_case_is_a_mapping() -> None:
    """A case reads like a dict of its arrays, and tells its dims."""
    case = char_rnn_case(T=5, V=4, H=3)

    assert set(case) == {
        *("Wxh", "Whh", "Why", "bh", "by", "h0"),
        *("inputs", "targets", "loss_weights"),
    }
    assert len(case) == 9
    assert dict(case.dims) == {"T": 5, "V": 4, "H": 3}
    assert case["Wxh"].shape == (3, 4)
    assert case.dtype == np.float64


def test_arrays_can_be_changed_in_a_copy() -> None:
    """``with_arrays`` leaves the case that it is called on as it is."""
    case = char_rnn_case()
    other = case.with_arrays({"h0": np.zeros(3)})

    assert np.any(case["h0"])
    assert not np.any(other["h0"])
    assert other["Wxh"] is case["Wxh"]
