"""Supervising: a second process that ends a run whose candidate hangs in C and keeps Python's lock.

Within a process a call that takes too long is left behind in its thread, but not while C code keeps
the lock. So the command line forks before it loads anything large: the child does the work, and
tells in shared memory until when the candidate should be back; the parent waits, and where that
time has long passed it ends the child and gives the verdict in its stead.
"""

import contextlib
import ctypes
import faulthandler
import json
import mmap
import os
import select
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, takewhile
from typing import IO, Any, NamedTuple

from rnnverify import deadlines
from rnnverify.deadlines import is_ours

GRACE = 2.0
"""Seconds after the deadline, in which the child could still give its verdict itself."""
POLL = 0.25
SIZE = 1 << 24
"""Bytes of shared memory: a time, a count, a length, and what is to be said."""
PR_SET_PDEATHSIG = 1
_HEAD = struct.Struct("dqq")

Hung = Callable[[dict[str, Any], int, str], int]
"""What is to be done for a hung child: takes what it told, its case number and its traceback."""
Interrupted = Callable[[dict[str, Any]], None]
"""What is to be done for one that did not heed an interrupt: takes what it told."""


class Callbacks(NamedTuple):
    """What is to be done for a child that was ended."""

    hung: Hung
    interrupted: Interrupted


@dataclass(frozen=True)
class Told:
    """What the child tells its parent."""

    memory: mmap.mmap

    def until(self, deadline: float) -> None:
        """Tell until when a call should be back; 0 when it is."""
        struct.pack_into("d", self.memory, 0, deadline)

    def case(self, number: int) -> None:
        """Tell how many cases have been visited."""
        struct.pack_into("q", self.memory, 8, number)

    def counting(self, visited: Callable[[], None]) -> Callable[[], None]:
        """Return what is to be called after each case of a run, counting from none."""
        numbers = count(1)
        self.case(0)

        def visit() -> None:
            self.case(next(numbers))
            visited()

        return visit

    def words(self, values: dict[str, Any]) -> None:
        """Tell what there is to be said so far; what is too much for the memory is not told."""
        text = json.dumps(values).encode()
        if len(text) <= SIZE - _HEAD.size:
            struct.pack_into("q", self.memory, 16, len(text))
            self.memory[_HEAD.size : _HEAD.size + len(text)] = text

    @property
    def heard(self) -> tuple[float, int]:
        """Until when a call should be back, 0 for none, and how many cases there were."""
        deadline, case, _ = _HEAD.unpack_from(self.memory)
        return deadline, case

    @property
    def said(self) -> dict[str, Any]:
        """What there was to be said."""
        _, _, length = _HEAD.unpack_from(self.memory)
        said: dict[str, Any] = json.loads(self.memory[_HEAD.size : _HEAD.size + length] or b"{}")
        return said


def supervise(hung: Hung, interrupted: Interrupted = lambda _words: None) -> Told | None:
    """Go on in a child process, the parent staying behind to wait for it.

    Args:
        hung: Is called in the parent, after a child that hung has been ended, and returns the exit
            code.
        interrupted: Is called there after a child was ended that did not heed an interrupt.

    Returns:
        In the child, whom to tell; None where there is no supervision on this platform. The parent
        never returns.
    """
    if sys.platform != "linux":
        return None
    memory = mmap.mmap(-1, SIZE)
    trace = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
    reading, writing = os.pipe()
    parent = os.getpid()
    with warnings.catch_warnings():  # NumPy's threads, which the child does without
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _end_with(parent)
        faulthandler.register(signal.SIGUSR1, file=trace, all_threads=True)
        told = Told(memory)
        deadlines.watcher = told.until
        return told
    os.close(writing)
    _wait(child, reading, Told(memory), trace, Callbacks(hung, interrupted))
    raise AssertionError


def _wait(child: int, reading: int, told: Told, trace: IO[bytes], call: Callbacks) -> None:
    """Wait until the child ends, or has to be ended, and exit as it did.

    An interrupt usually reaches both. A child that does not heed it was not told, or cannot: it is
    told once more, and then ended.
    """
    interruption = _Interruption(child)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, interruption.note)
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: os.kill(child, number))
    while True:
        closed, _, _ = select.select([reading], [], [], POLL)  # as soon as the child ends
        ended, status = os.waitpid(child, 0 if closed else os.WNOHANG)
        if ended:
            break
        interruption.insist()
        deadline, case = told.heard
        if deadline and time.monotonic() > deadline + GRACE:
            text = _ended(child, trace)
            os._exit(_flushed(call.hung(told.said, case, text)))
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL and interruption.since is not None:
        call.interrupted(told.said)
        code = _flushed(-signal.SIGINT)
    os._exit(code if code >= 0 else 128 - code)


def _end_with(parent: int) -> None:
    """Ask Linux to end this process when its parent ends, and see whether that has come already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@dataclass
class _Interruption:
    """An interrupt that the child may not have heard of, or cannot heed."""

    child: int
    since: float | None = None
    told: bool = False

    def note(self, *_: object) -> None:
        """Remember when it came."""
        self.since = self.since or time.monotonic()

    def insist(self) -> None:
        """Interrupt the child, some time after, and end it if that does not help."""
        passed = 0.0 if self.since is None else time.monotonic() - self.since
        if passed > GRACE and not self.told:
            self.told = True
            os.kill(self.child, signal.SIGINT)
        elif passed > 2 * GRACE:
            os.kill(self.child, signal.SIGKILL)


def _ended(child: int, trace: IO[bytes]) -> str:
    """End the child, and return where in the code it was."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGUSR1)
        time.sleep(POLL)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    trace.seek(0)
    return _theirs(trace.read().decode("utf-8", "backslashreplace"))


def _theirs(dump: str) -> str:
    """Return where the candidate's own thread is, of the stacks of all threads."""
    (stack, *_) = [part for part in dump.split("\n\n") if f'"{deadlines.__file__}"' in part] or [""]
    frames = stack.splitlines()[1:]
    theirs = takewhile(lambda line: not is_ours(line.split('"')[1]), frames)
    return "most recent call first:\n" + "\n".join(theirs)


def _flushed(code: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return code
