"""Other correct code, which sums in other orders and loops over steps, is not accused."""

import pytest

from rnnverify.builtin import SYSTEMS
from rnnverify.loops import LOOPS
from rnnverify.records import CLIP_KINDS, Candidate, Clip, Truncation
from rnnverify.runner import execute
from rnnverify.runs import Run
from tests.truncated_loops import TRUNCATED_LOOPS

CLIPS = tuple(Clip(kind) for kind in CLIP_KINDS)


def accused(
    candidate: Candidate,
    system: str,
    dtype: str,
    *,
    lengths: bool = False,
    truncate: str | None = None,
) -> list[str]:
    """Return what is said against a candidate, under any clip."""
    run = Run(
        candidate=candidate,
        name="loops",
        system=SYSTEMS[system],
        clips=CLIPS,
        dtype=dtype,
        cases=30,
        seed=1,
        lengths=lengths,
        truncation=Truncation.parse(truncate),
    )
    return [report.failure.message for report in execute(run) if report.failure is not None]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_implementation_is_not_accused(system: str, dtype: str) -> None:
    """Every system has one, and it matches under every clip."""
    assert accused(LOOPS[system], system, dtype) == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", [name for name in SYSTEMS if "B" in SYSTEMS[name].dims])
def test_nor_is_one_that_reads_each_sequence_by_itself(system: str, dtype: str) -> None:
    """Sequences with lengths of their own may be run one by one."""
    assert accused(LOOPS[system], system, dtype, lengths=True) == []


@pytest.mark.parametrize("truncate", ["1", "3", "chunks:3"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", TRUNCATED_LOOPS)
def test_nor_is_one_that_walks_back_from_every_loss(system: str, dtype: str, truncate: str) -> None:
    """A double loop, over losses and the steps before each, is truncation as people write it."""
    assert accused(TRUNCATED_LOOPS[system], system, dtype, truncate=truncate) == []
