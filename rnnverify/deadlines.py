"""Deadlines: a call that may take only so long, made in a thread that can be left behind.

A thread cannot be ended from outside. One that does not come back is given up: it is a daemon,
which no interpreter waits for. C code that keeps Python's lock keeps everything waiting; only
another process can end that, as the command line's does.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable
from itertools import dropwhile
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from rnnverify.errors import TimeLimitError

_HERE = Path(__file__).parent
Job = tuple[Callable[[Any], Any], Any]


class _Worker:
    """A thread that makes one call after the other."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        self.results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.thread = threading.Thread(target=self._work, daemon=True, name="rnnverify-candidate")
        self.thread.start()

    def _work(self) -> None:
        while True:
            function, argument = self.jobs.get()
            try:
                self.results.put((function(argument), None))
            except BaseException as error:  # noqa: BLE001 - raised again, where it is waited for
                self.results.put((None, error))
            del function, argument

    @property
    def stack(self) -> str:
        """Where in the code of others the thread is."""
        frame = sys._current_frames().get(self.thread.ident or 0)  # noqa: SLF001 - documented
        theirs = dropwhile(lambda each: is_ours(each.filename), traceback.extract_stack(frame))
        return "".join(traceback.format_list(list(theirs)))


_idle: list[_Worker] = []
watcher: Callable[[float], None] | None = None
"""Is told until when, by the monotonic clock, a call should be back, and 0 when it is."""


def is_ours(filename: str) -> bool:
    """Whether a frame belongs to this package, or to how it starts threads."""
    return filename == threading.__file__ or Path(filename).is_relative_to(_HERE)


def call_within(seconds: float, function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function, and return what it returns.

    Args:
        seconds: How long it may take.
        function: It runs in a thread of its own, the same for all calls that come back.
        argument: Its only argument.

    Raises:
        TimeLimitError: if it takes longer; the message holds where in the code it is then.
    """
    worker = _idle.pop() if _idle else _Worker()
    if watcher is not None:
        watcher(time.monotonic() + seconds)
    worker.jobs.put((function, argument))
    try:
        result, error = worker.results.get(timeout=min(seconds, threading.TIMEOUT_MAX))
    except Empty:
        message = f"the candidate did not return within {seconds:g} s"
        raise TimeLimitError(message, traceback=worker.stack or None) from None
    finally:
        if watcher is not None:
            watcher(0.0)
    _idle.append(worker)
    if error is not None:
        raise error
    return result
