"""Deadlines: a candidate that does not return is given up, and what it did is told."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rnnverify
from rnnverify import deadlines
from rnnverify.checker import check
from rnnverify.deadlines import call_within
from rnnverify.errors import InvalidCandidateError, TimeLimitError
from rnnverify.models import char_rnn
from rnnverify.records import Array, Case
from tests.support import char_rnn_case

PACKAGE = str(Path(rnnverify.__file__).parent)
SHORT = 0.2
OVER: list[threading.Event] = []
"""The last is set when the test is over, and ends its loops and waits."""


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    OVER.append(threading.Event())
    yield
    OVER[-1].set()


def loops(_case: Case) -> dict[str, Array]:
    """Compute for ever."""
    over = OVER[-1]
    while not over.is_set():
        sum(range(100))
    return {}


def sleeps(_case: Case) -> dict[str, Array]:
    """Sleep for ever."""
    time.sleep(600)
    return {}


def waits(_case: Case) -> dict[str, Array]:
    """Wait for what never comes."""
    OVER[-1].wait()
    return {}


def pauses(_case: Case) -> dict[str, Array]:
    """Wait in C, which lets go of Python's lock."""
    libc = ctypes.CDLL(None)
    libc.pause()
    return {}


HANGING = [
    (loops, "over.is_set()", "sum(range(100))"),
    (sleeps, "time.sleep(600)", ""),
    (waits, "OVER[-1].wait()", ""),
    (pauses, "libc.pause()", ""),
]
HAS_PAUSE = pytest.mark.skipif(sys.platform == "win32", reason="there is no pause() there")


class Counted:
    """Counts calls, and hangs from some call on."""

    def __init__(self, after: int) -> None:
        self.after, self.calls = after, 0

    def __call__(self, case: Case) -> Any:
        """Answer as the model does, until it is time to hang."""
        self.calls += 1
        return waits(case) if self.calls > self.after else char_rnn.gradients(case)


@HAS_PAUSE
@pytest.mark.parametrize("hanging", [each[0] for each in HANGING])
def test_whatever_hangs_is_invalid(hanging: Callable[[Case], Any]) -> None:
    """In Python or in C: the verdict says for how long it was waited for, and that it hung."""
    start = time.monotonic()
    verdict = check(char_rnn_case(), hanging, timeout=SHORT)

    assert time.monotonic() - start < 5
    assert (verdict.kind, verdict.hung) == ("invalid", True)
    assert verdict.message == "the candidate did not return within 0.2 s"
    with pytest.raises(InvalidCandidateError, match=r"did not return within 0\.2 s"):
        verdict.raise_for_mismatch()


@HAS_PAUSE
@pytest.mark.parametrize(("hanging", "line", "or_line"), HANGING)
def test_where_it_hangs_is_told(hanging: Callable[[Case], Any], line: str, or_line: str) -> None:
    """The traceback begins in the candidate, shows its own line, and no frame of ours."""
    traceback = check(char_rnn_case(), hanging, timeout=SHORT).traceback or ""
    first = traceback.splitlines()[0]

    assert __file__ in first
    assert f"in {hanging.__name__}" in first
    assert line in traceback or (or_line and or_line in traceback)
    assert PACKAGE not in traceback


def test_what_returns_in_time_did_not_hang() -> None:
    """A candidate that takes a while, but less than it may, matches."""

    def slow(case: Case) -> dict[str, Array]:
        time.sleep(0.05)
        return char_rnn.gradients(case)

    verdict = check(char_rnn_case(), slow, timeout=20)

    assert (verdict.kind, verdict.hung) == ("match", False)


@pytest.mark.parametrize("after", range(4))
def test_a_run_ends_at_the_first_call_that_hangs(after: int) -> None:
    """After it the candidate is not called again: neither on more cases, nor to explain."""
    candidate = Counted(after)
    report = rnnverify.verify(candidate, "char_rnn", cases=50, timeout=SHORT)

    assert report.verdict == "invalid"
    assert report.failure is not None
    assert report.failure.verdict.hung
    assert "did not return within 0.2 s" in str(report)
    assert candidate.calls == after + 1


def test_what_hangs_for_nothing_is_not_called_again() -> None:
    """A call with losses of weight 0 that hangs ends a run like any other."""

    def hangs(case: Case) -> dict[str, Array]:
        return char_rnn.gradients(case) if case["loss_weights"].any() else waits(case)

    report = rnnverify.verify(hangs, "char_rnn", cases=5, timeout=SHORT)

    assert report.verdict == "invalid"


def test_a_candidate_that_hung_does_no_harm_to_others() -> None:
    """Calls that come later are made, and judged, as if nothing had been."""
    for _ in range(3):
        assert check(char_rnn_case(), waits, timeout=SHORT / 4).hung

    assert check(char_rnn_case(), char_rnn.gradients).kind == "match"
    assert rnnverify.verify(char_rnn.gradients, "char_rnn", cases=10).ok


def slowly(argument: object) -> object:
    """Return it after a while."""
    time.sleep(0.15)
    return argument


def test_what_comes_too_late_is_not_taken_for_anothers() -> None:
    """A result that comes after its time is dropped, not handed to the next call."""
    with pytest.raises(TimeLimitError):
        call_within(0.05, slowly, "late")
    results = [call_within(5, slowly, n) for n in range(5)]

    assert results == [0, 1, 2, 3, 4]


def test_without_a_limit_calls_are_made_in_the_callers_thread() -> None:
    """timeout=None is for code that minds in which thread it runs; else all calls share another."""
    threads: list[threading.Thread] = []

    def remember(case: Case) -> dict[str, Array]:
        threads.append(threading.current_thread())
        return char_rnn.gradients(case)

    rnnverify.verify(remember, "char_rnn", cases=3, timeout=None)
    assert set(threads) == {threading.current_thread()}
    threads.clear()
    rnnverify.verify(remember, "char_rnn", cases=3)

    assert len(set(threads)) == 1
    assert threading.current_thread() not in threads
    assert threads[0].daemon


def test_nested_calls_do_not_wait_for_each_other() -> None:
    """A candidate may itself verify another."""

    def outer(case: Case) -> dict[str, Array]:
        assert check(char_rnn_case(), char_rnn.gradients, timeout=20).ok
        return char_rnn.gradients(case)

    assert check(char_rnn_case(), outer, timeout=20).ok


def test_calls_from_many_threads_get_their_own_results() -> None:
    """What one thread asks for does not come back to another."""
    found: dict[int, list[int]] = {}

    def ask(thread: int) -> None:
        found[thread] = [call_within(20, lambda n: n + 1000 * thread, n) for n in range(50)]

    threads = [threading.Thread(target=ask, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {thread: [n + 1000 * thread for n in range(50)] for thread in range(4)}


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_raised_comes_back(error: type[BaseException]) -> None:
    """An exception of any kind is raised where the call was waited for; the thread lives on."""

    def raises(_argument: object) -> None:
        raise error

    with pytest.raises(error):
        call_within(20, raises, None)
    assert call_within(20, str, 7) == "7"


def test_a_users_interruption_is_no_verdict() -> None:
    """Ctrl-C in a candidate is meant for whoever runs it."""

    def interrupted(_case: Case) -> dict[str, Array]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(char_rnn_case(), interrupted)
    with pytest.raises(KeyboardInterrupt):
        check(char_rnn_case(), interrupted, timeout=None)


def test_a_watcher_is_told_each_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until when a call should be back, and then 0, also where it hangs or raises."""
    told: list[float] = []
    monkeypatch.setattr(deadlines, "watcher", told.append)
    start = time.monotonic()
    call_within(30, str, 7)
    with pytest.raises(TimeLimitError):
        call_within(0.05, waits, None)
    with pytest.raises(ValueError, match="invalid literal"):
        call_within(30, int, "x")

    assert told[1::2] == [0, 0, 0]
    assert [round(each - start) for each in told[::2]] == [30, 0, 30]


@pytest.mark.parametrize("timeout", [float("inf"), 1e10])
def test_a_very_long_time_is_a_limit_too(timeout: float) -> None:
    """However long a call may take, it is made."""
    assert check(char_rnn_case(), char_rnn.gradients, timeout=timeout).ok


def test_a_hanging_candidate_in_a_test_of_hypothesis_ends_it() -> None:
    """A test by ``gradient_test`` fails by what hangs, and calls it not again."""
    candidate = Counted(0)

    @rnnverify.gradient_test("char_rnn", cases=20, timeout=SHORT)
    def test(case: Case) -> Any:
        return candidate(case)

    with pytest.raises(InvalidCandidateError, match=r"did not return within 0\.2 s"):
        test()
    assert candidate.calls == 1
