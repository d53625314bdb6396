"""Paces are ratios of whole times, though JAX works in threads of its own."""

from typing import Any
from unittest import mock

from rnnverify import evaluation
from rnnverify.builtin import CHAR_RNN
from rnnverify.gating import pacing
from rnnverify.runs import make_run


def test_the_reference_is_waited_for() -> None:
    """In each of its calls that are timed, and before the candidate is called."""
    seen: list[str] = []
    real, quickest = evaluation._widest, pacing._quickest

    def read(intervals: Any) -> Any:
        seen.append("read")
        return real(intervals)

    def timed(call: Any) -> float:
        seen.append("timed")
        return quickest(call)

    run = make_run(
        CHAR_RNN.gradients,
        "char_rnn",
        name="model",
        clips=["none"],
        dtype="float64",
        cases=1,
        seed=0,
    )
    with (
        mock.patch.object(evaluation, "_widest", read),
        mock.patch.object(pacing, "_quickest", timed),
        mock.patch.object(pacing, "CASES", 1),
    ):
        pace = pacing.pace_of(run)

    assert seen == ["timed", *["read"] * pacing.TIMES, "read", "timed"]
    assert pace is not None
    assert pace > 0
