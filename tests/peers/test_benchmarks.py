"""The benchmark suite times checkers that do their work, and keeps what it times."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from benchmarks.checkers import CANDIDATE, CHECKERS, forget
from benchmarks.harness import Gathering, TimingError
from benchmarks.problems import plain_case
from benchmarks.sizes import STEPS
from rnnverify import programs
from rnnverify.builtin import find_system
from rnnverify.records import Case

SYSTEMS = ("char_rnn", "lstm")
JUDGES = [who for who in CHECKERS if who != CANDIDATE]
TIMED = """
import time

import pytest


@pytest.mark.quick
def test_who(timing):
    naps = iter([0.0, 0.03, 0.01, 0.02])
    timing.about("who", scale=0.5, table="check")
    assert timing.cold(lambda: time.sleep(next(naps)) or True, rounds=4)


def test_another(timing):
    timing.about("another", table="check")
    timing.warm(lambda: None)
"""


def accepts(who: str, case: Case, candidate: Any) -> bool:
    """Whether a checker accepts a gradient; skip where its package is not installed."""
    pytest.importorskip(CHECKERS[who].package)
    return CHECKERS[who].prepare(case, candidate)()


def without_recurrent(case: Case) -> dict[str, Any]:
    """Return the model's gradients, with a gross error: that of the recurrent weight is halved."""
    got = find_system(case.system).gradients(case)
    name = "Whh" if case.system == "char_rnn" else "Wh"
    return {**got, name: got[name] / 2}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("who", JUDGES)
def test_who_is_timed_accepts_what_is_right(who: str, system: str) -> None:
    """The case is a fair one: every checker passes the model."""
    assert accepts(who, plain_case(system, 60, STEPS), find_system(system).gradients)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("who", JUDGES)
def test_who_is_timed_rejects_a_gross_error(who: str, system: str) -> None:
    """Nobody is timed for doing nothing."""
    assert not accepts(who, plain_case(system, 60, STEPS), without_recurrent)


def test_cold_is_cold() -> None:
    """Before a cold check nothing is compiled, and after it something is."""
    case = plain_case("char_rnn", 60, STEPS)
    forget()
    before = dict(programs._programs)
    CHECKERS["cold"].prepare(case, find_system("char_rnn").gradients)()

    assert (before, len(programs._programs)) == ({}, 1)


@pytest.fixture
def timings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for other timings, with settings and a fixture as the suite has them."""
    pytest.importorskip("pytest_benchmark")
    for name in ("pytest.ini", "conftest.py"):
        (tmp_path / name).write_text((harness.TIMINGS / name).read_text())
    monkeypatch.setattr(harness, "TIMINGS", tmp_path)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # nothing is timed where that is set
    return tmp_path


@pytest.mark.filterwarnings("ignore::pytest.PytestAssertRewriteWarning")
def test_the_fastest_round_is_kept(timings: Path) -> None:
    """Of four rounds the first took least, and half of its time is a case's."""
    (timings / "test_check.py").write_text(TIMED)
    gathering = Gathering()
    harness.run("check", gathering, quick=True)
    (timing,) = gathering.timings

    assert (timing["who"], timing["table"]) == ("who", "check")
    assert timing["seconds"] < 0.005


@pytest.mark.filterwarnings("ignore::pytest.PytestAssertRewriteWarning")
def test_a_checker_that_fails_has_no_timing(timings: Path) -> None:
    """What does not do its work is not shown, and the suite fails; others are kept."""
    (timings / "test_failing.py").write_text(TIMED.replace("or True", "or False"))
    gathering = Gathering()
    with pytest.raises(TimingError, match="failing: not everything could be timed"):
        harness.run("failing", gathering, quick=False)

    assert [timing["who"] for timing in gathering.timings] == ["another"]
