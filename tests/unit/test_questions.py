"""Questions are asked while the reference is still being evaluated."""

from typing import Any
from unittest import mock

import pytest

from rnnverify import evaluation
from rnnverify.checker import check_under
from rnnverify.models import char_rnn
from rnnverify.records import Case, Clip
from tests.support import char_rnn_case


@pytest.mark.parametrize(
    ("clips", "order"),
    [
        (["none"], ["asked", "read"]),
        (["none", "value:0.1"], ["asked", "read", "asked", "read"]),
        (["value:0.1", "norm:0.1"], ["read", "asked", "read", "asked"]),
    ],
)
def test_a_candidate_is_asked_while_the_reference_is_at_work(
    clips: list[str], order: list[str]
) -> None:
    """What JAX has found is waited for only when it is needed: for thresholds, and to compare."""
    seen: list[str] = []
    widest = evaluation._widest

    def read(intervals: Any) -> Any:
        seen.append("read")
        return widest(intervals)

    def asked(case: Case) -> Any:
        seen.append("asked")
        return char_rnn.gradients(case)

    with mock.patch.object(evaluation, "_widest", read):
        check_under([Clip.parse(text) for text in clips], char_rnn_case(), asked)

    assert seen == order
