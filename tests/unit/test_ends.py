"""How a supervised process ends is told: what is regular, what is not, and what it had said."""

import mmap
import signal
import subprocess
import sys

import pytest

from rnnverify.cli.supervising import FATAL, _theirs
from rnnverify.cli.telling import SIZE, UNCOUNTED, Told

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervised on Linux only")

BUG = """
import signal, os, sys
from rnnverify.cli.supervising import supervise
told = supervise(lambda end: print("blamed", end.how) or 2)
told.words({"system": "s"})
"""


@pytest.mark.parametrize(
    ("code", "expected", "stderr"),
    [
        ("raise ValueError('ours')", 1, "ValueError: ours"),
        ("sys.exit(3)", 3, ""),
        ("pass", 0, ""),
        ("os.fork() or sys.exit(4)", 0, ""),
        # After a while: the first process has to be ready to pass a signal on.
        (
            "import time; time.sleep(0.5); os.kill(os.getppid(), signal.SIGTERM); signal.pause()",
            128 + signal.SIGTERM,
            "",
        ),
    ],
)
def test_regular_ends_are_nobodys_fault(code: str, expected: int, stderr: str) -> None:
    """An exception of ours has its traceback; exit codes, and signals to all, come through."""
    done = python(BUG + code)

    assert (done.returncode, done.stdout) == (expected, "")
    assert stderr in done.stderr


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os._exit(7)", ": exit code 7"),
        ("os.execv(sys.executable, [sys.executable, '-c', ''])", ": exit code 0"),
        ("os.kill(os.getpid(), signal.SIGTERM)", " by signal 15 (Terminated)"),
        ("os.fork() or sys.exit(4)\nos.wait()\nos._exit(0)", ": exit code 0"),
        ("import atexit\natexit.register(os._exit, 0)\nsys.exit(1)", ": exit code 0"),
    ],
)
def test_other_ends_are_told(code: str, how: str) -> None:
    """Another program, a copy's regular end, and what runs at the end do not pass for one."""
    done = python(BUG + code)

    assert (done.returncode, done.stdout) == (2, f"blamed {how}\n")


def test_who_heeds_an_interrupt_may_finish_writing() -> None:
    """However long that takes; who does not say so is ended."""
    code = """
try:
    time.sleep(0.5)
    for process in (os.getppid(), os.getpid()):
        os.kill(process, signal.SIGINT)
    time.sleep(30)
except KeyboardInterrupt:
    {}
    time.sleep(2.5)
    print("written")
    sys.exit(130)
"""
    before = """
import signal, time
from rnnverify.cli import supervising
supervising.GRACE = 0.7
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have had ignored
"""
    heeded, not_heeded = (
        python(before + BUG + code.format(line)) for line in ("told.heed()", "pass")
    )

    assert (heeded.returncode, heeded.stdout) == (130, "written\n")
    assert "written" not in not_heeded.stdout


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as a program of its own."""
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_end_before_anything_was_told_is_an_error() -> None:
    """Where nothing has been said, there is nothing to report on, and no success either."""
    done = python(BUG.replace("told.words", "str") + "os._exit(0)")

    assert done.returncode == 2
    assert "Error: before anything was checked, something ended the process" in done.stderr


def test_what_is_told_is_read() -> None:
    """The child's deadline, count, words and end stand where its parent looks for them."""
    told = Told(memory=mmap.mmap(-1, SIZE))
    told.words({"system": "s"})
    told.until(12.5)
    assert told.heard == (12.5, UNCOUNTED)
    assert told.end("", "").visited is None

    told.case(7)
    assert told.heard == (12.5, 7)
    assert told.said == {"system": "s"}
    assert not told.has_finished

    told.finish()
    assert told.has_finished


def test_what_is_being_loaded_is_told_until_it_is() -> None:
    """Names that are longer than there is room for are cut short."""
    told = Told(memory=mmap.mmap(-1, SIZE))
    for what in ("candidate: loading é.py", "x" * 2000, ""):
        told.loading(what)

        assert told.loaded == what[:1024]
    assert told.said == {}


def test_more_than_there_is_room_for_is_not_told() -> None:
    """Words that are too long leave those that were told before."""
    told = Told(memory=mmap.mmap(-1, SIZE))
    told.words({"system": "s"})
    told.words({"system": "s" * SIZE})

    assert told.said == {"system": "s"}


def test_cases_are_counted_from_none_in_each_run() -> None:
    """A second run begins anew."""
    told, visits = Told(memory=mmap.mmap(-1, SIZE)), []
    for _ in range(2):
        visit = told.counting(lambda: visits.append(told.heard[1]))
        visit()
        visit()

    assert visits == [1, 2, 1, 2]


def test_a_dump_without_a_candidate_says_nothing() -> None:
    """Where no thread was in a candidate, there is no line to show."""
    assert _theirs("", FATAL) == "most recent call first:\n"
