"""Where things go: JSON to a file, whole or not at all; tables and progress to the terminal."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from rnnverify.errors import UsageError
from rnnverify.files import write_whole
from rnnverify.reports.words import number

STDOUT = "-"
PLAIN_WIDTH = 120


def check_writable(target: str, option: str = "--json") -> None:
    """Find out before a long run whether its result can be written.

    Args:
        target: Where to.
        option: Which option says so.

    Raises:
        UsageError: if not.
    """
    if target == STDOUT:
        return
    path = Path(target)
    place = path if path.exists() else path.parent
    if path.is_dir() or not place.exists() or not os.access(place, os.W_OK):
        message = (
            f"{option}: cannot write {target!r}; name a file in a folder that can be written to"
        )
        raise UsageError(message)


def write(text: str, target: str) -> None:
    """Write text to a file by way of a temporary one beside it, or to standard output.

    What is there and no plain file (a device, a pipe) is written to as it is.
    """
    if target == STDOUT:
        click.echo(text, nl=False)
        return
    path = Path(target).resolve()
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    write_whole(path, text.encode())


@contextmanager
def stdout_kept_clean(*, own_process: bool) -> Iterator[None]:
    """Send to standard error whatever a candidate prints, in Python or (if we may) below it."""
    with redirect_stdout(sys.stderr):
        if not own_process:
            yield
            return
        kept = os.dup(1)
        os.dup2(2, 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def console(*, stderr: bool = False) -> Console:
    """Return where reports are shown; wide enough for the table where there is no terminal."""
    made = Console(stderr=stderr, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


class Shown(Protocol):
    """Progress of a command, one run after the other."""

    def begin(self, label: str, n: int, what: str = "case") -> Callable[[], None]:
        """Begin a run of so many of something, and return what is to be called after each."""
        ...


@contextmanager
def progress(cases: int) -> Iterator[Shown]:
    """Show progress on standard error: a live bar on a terminal, plain lines elsewhere."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        yield _Bar(bar, bar.add_task("compiling", total=cases))


class _Bar:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def begin(self, label: str, _n: int, _what: str = "case") -> Callable[[], None]:
        self._bar.update(self._task, description=label)
        return lambda: self._bar.advance(self._task)


class _Lines:
    def begin(self, label: str, n: int, what: str = "case") -> Callable[[], None]:
        click.echo(f"{label}: {number(n, what)}", err=True)
        return lambda: None
