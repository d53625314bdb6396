"""Time to the first verdict on a user's file, and of the main job, process start included."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.first_verdict import MEND, WRONG
from benchmarks.first_verdict import seconds as first_verdict
from benchmarks.harness import Timing
from benchmarks.verify_time import seconds as job

ROUNDS = {"cold": 1, "warm": 2}
WORKS = ("right", "wrong", "rnnverify verify")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a folder for each work, with its file and its caches."""
    source = WRONG.read_text(encoding="utf-8")
    made = {work: tmp_path_factory.mktemp("verdict") for work in WORKS}
    for work, code in (("right", source.replace(*MEND)), ("wrong", source)):
        (made[work] / "my_rnn.py").write_text(code, encoding="utf-8")
    return made


def caller(work: str, folder: Path) -> Callable[[], object]:
    """Return what starts a process, and waits for its end."""
    if work == "rnnverify verify":
        return lambda: job(str(folder), "-P", "-m", "rnnverify", "verify")
    return lambda: first_verdict(str(folder), 0 if work == "right" else 1)


def contests() -> Iterator[tuple[str, str]]:
    """Give each work with an empty compilation cache first, then with what that has left there."""
    return ((work, cache) for work in WORKS for cache in ROUNDS)


@pytest.mark.parametrize(("work", "cache"), list(contests()))
def test_first_verdict(work: str, cache: str, folders: dict[str, Path], timing: Timing) -> None:
    """Time one process."""
    system = "char_rnn" if work in ("right", "wrong") else "all"
    timing.about(cache, table="first_verdict", system=system, file=work)
    timing.cold(caller(work, folders[work]), rounds=ROUNDS[cache])
