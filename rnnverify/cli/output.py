"""Where things go: JSON to a file, whole or not at all; tables and progress to the terminal."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

STDOUT = "-"
PLAIN_WIDTH = 120


def check_writable(target: str) -> None:
    """Find out before a long run whether its result can be written.

    Raises:
        UsageError: if not.
    """
    if target == STDOUT:
        return
    path = Path(target)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        message = f"--json: cannot write {target}; name a file in a folder that can be written to"
        raise UsageError(message)


def write(text: str, target: str) -> None:
    """Write text to a file by way of a temporary one beside it, or to standard output."""
    if target == STDOUT:
        click.echo(text, nl=False)
        return
    path = Path(target)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def console(*, stderr: bool = False) -> Console:
    """Return where reports are shown; wide enough for the table where there is no terminal."""
    made = Console(stderr=stderr, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


class Shown(Protocol):
    """Progress of a command, one run after the other."""

    def begin(self, label: str, cases: int) -> Callable[[], None]:
        """Begin a run, and return what is to be called after each of its cases."""
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

    def begin(self, label: str, _cases: int) -> Callable[[], None]:
        self._bar.update(self._task, description=label)
        return lambda: self._bar.advance(self._task)


class _Lines:
    def begin(self, label: str, cases: int) -> Callable[[], None]:
        click.echo(f"{label}: {cases} cases", err=True)
        return lambda: None
