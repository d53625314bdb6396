"""Supervising: a second process that gives the verdict on what the first one cannot survive.

Within a process a call that takes too long is left behind in its thread, but not while C code keeps
the lock. So the command line forks before it loads anything large: the child does the work, and
tells in shared memory until when the candidate should be back; the parent waits, and where that
time has long passed it ends the child and gives the verdict in its stead.

A candidate can end the process, too: by ``os._exit(0)``, or by a fault in C. Its exit code would
say that all is well. So the child tells that it comes to its own end, and where it has not told,
the verdict is the parent's again.
"""

import atexit
import contextlib
import ctypes
import faulthandler
import mmap
import os
import select
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import IO, Any, NamedTuple

import click

from rnnverify import deadlines
from rnnverify.cli import loading
from rnnverify.cli.telling import SIZE, End, Told
from rnnverify.deadlines import is_ours

__all__ = ["Told", "supervise"]

GRACE = 2.0
"""Seconds after the deadline, in which the child could still give its verdict itself."""
POLL = 0.25
PR_SET_PDEATHSIG = 1
FATAL = "Current thread"
"""How the stack begins that a fault in C occurred in."""

Ended = Callable[[End], int]
"""What is to be done for a child that gave no verdict: takes how it ended."""
Interrupted = Callable[[dict[str, Any]], None]
"""What is to be done for one that did not heed an interrupt: takes what it told."""


class Callbacks(NamedTuple):
    """What is to be done for a child that did not come to its own end."""

    ended: Ended
    interrupted: Interrupted


def supervise(ended: Ended, interrupted: Interrupted = lambda _words: None) -> Told | None:
    """Go on in a child process, the parent staying behind to wait for it.

    Args:
        ended: Is called in the parent, after a child that hung has been ended, or one ended that
            the candidate did not let finish, and returns the exit code.
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
        told = Told(memory)
        _tell(told, trace)
        return told
    os.close(writing)
    _wait(child, reading, Told(memory), trace, Callbacks(ended, interrupted))
    raise AssertionError


def _tell(told: Told, trace: IO[bytes]) -> None:
    """Arrange that everything is told which the parent must know."""
    faulthandler.register(signal.SIGUSR1, file=trace, all_threads=True)
    faulthandler.enable(trace)
    deadlines.watcher = told.until
    loading.watcher = told.loading
    atexit.register(_finish, told, os.getpid())  # as the first, so it is the last to be called


def _finish(told: Told, child: int) -> None:
    """Tell that all has been said, unless this is but a copy of the process."""
    if os.getpid() == child:
        told.finish()


def _wait(child: int, reading: int, told: Told, trace: IO[bytes], call: Callbacks) -> None:
    """Wait until the child ends, or has to be ended, and exit as it did.

    An interrupt usually reaches both. A child that does not heed it was not told, or cannot: it is
    told once more, and then ended.
    """
    signals = _Signals(child)
    signals.catch()
    while True:
        closed, _, _ = select.select([reading], [], [], POLL)  # as soon as the child ends
        ended, status = os.waitpid(child, 0 if closed else os.WNOHANG)
        if ended:
            break
        if not told.has_heeded:
            signals.insist()
        deadline, _ = told.heard
        if deadline and time.monotonic() > deadline + GRACE:
            stack = _ended(child, trace)
            os._exit(_flushed(call.ended(told.end("", stack))))
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL and signals.since is not None:
        call.interrupted(told.said)
        code = -signal.SIGINT
    elif not told.has_finished and -code not in signals.passed_on:
        code = _unfinished(code, told, trace, call)
    os._exit(_flushed(code if code >= 0 else 128 - code))


def _unfinished(code: int, told: Told, trace: IO[bytes], call: Callbacks) -> int:
    """Say how a child ended that did not come to its own end; return the exit code."""
    how, dump = _how(code), _read(trace)
    if told.loaded or not told.said:
        what = told.loaded or "before anything was checked, something"
        click.echo(f"Error: {what} ended the process{how}\n{dump}".rstrip(), err=True)
        return 2
    return call.ended(told.end(how, _theirs(dump, FATAL) if dump else ""))


def _how(code: int) -> str:
    """Return how a process ended, in words; the code of one that a signal ended is negative."""
    if code >= 0:
        return f": exit code {code}"
    memory = ", as where memory runs out" if code == -signal.SIGKILL else ""
    return f" by signal {-code} ({signal.strsignal(-code)}){memory}"


def _end_with(parent: int) -> None:
    """Ask Linux to end this process when its parent ends, and see whether that has come already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@dataclass
class _Signals:
    """Signals that the child may not have heard of, or cannot heed."""

    child: int
    since: float | None = None
    told: bool = False
    passed_on: set[int] = field(default_factory=set)

    def catch(self) -> None:
        """Catch those that are meant to end the program."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self.note)
        for each in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self.pass_on)

    def note(self, *_: object) -> None:
        """Remember when an interrupt came."""
        self.since = self.since or time.monotonic()

    def pass_on(self, number: int, _: object) -> None:
        """Pass a signal on to the child."""
        self.passed_on.add(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, number)

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
    return _theirs(_read(trace), f'"{deadlines.__file__}"')


def _read(trace: IO[bytes]) -> str:
    trace.seek(0)
    return trace.read().decode("utf-8", "backslashreplace")


def _theirs(dump: str, sign: str) -> str:
    """Return where the candidate's own thread is, of the stacks of all threads.

    Args:
        dump: The stacks.
        sign: What tells its stack from the others.
    """
    (stack, *_) = [part for part in dump.split("\n\n") if sign in part] or [""]
    frames = [line for line in stack.splitlines() if line.startswith("  File ")]
    theirs = takewhile(lambda line: not is_ours(line.split('"')[1]), frames)
    return "most recent call first:\n" + "\n".join(theirs)


def _flushed(code: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return code
