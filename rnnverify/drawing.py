"""Drawing cases: as many as are asked for, or the smallest that fails."""

import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
from hypothesis.errors import Flaky

from rnnverify.records import Case

MOST_CHECKS = 1000
"""Checks that shrinking may cost; what is smallest by then is kept."""
MOST_SECONDS = 60.0
"""Seconds that it may cost, where a check is slow."""


class _Home:
    """Where Hypothesis keeps what it notes down while runs, in however many threads, go on."""

    guests = 0
    before: Path
    folder: tempfile.TemporaryDirectory[str]


_home, _lock = _Home(), threading.Lock()


class EnoughError(Exception):
    """Raised by a visit, tells ``explore`` that no further case is wanted."""


class _FoundError(Exception):
    """Tells Hypothesis that a case fails."""


def smallest(
    strategy: st.SearchStrategy[Case],
    fails: Callable[[Case], bool],
    *,
    seed: int,
    cases: int,
    skip: int = 0,
) -> Case | None:
    """Return the smallest case found that fails, drawing the same cases as ``explore``.

    Args:
        strategy: Where cases come from.
        fails: Whether a case fails in the way that is looked for.
        seed: The seed of the run in which one failed.
        cases: How many cases it drew at most.
        skip: How many of them, at the beginning, are known not to fail.
    """
    found: Case | None = None
    drawn, checks, deadline = 0, 0, math.inf

    @hypothesis.seed(seed)
    @quiet(max_examples=cases, phases=(Phase.generate, Phase.shrink))
    @hypothesis.given(strategy)
    def find(case: Case) -> None:
        nonlocal found, drawn, checks, deadline
        drawn += 1
        checks += found is not None
        if drawn <= skip or checks >= MOST_CHECKS or time.monotonic() > deadline:
            return
        if fails(case):
            if found is None:
                deadline = time.monotonic() + MOST_SECONDS
            found = case
            raise _FoundError

    with suppress(_FoundError, Flaky), _no_traces():
        find()
    return found


def explore(
    strategy: st.SearchStrategy[Case], visit: Callable[[Case], None], *, seed: int, cases: int
) -> None:
    """Draw that many cases and visit each; the same seed gives the same cases.

    Args:
        strategy: Where cases come from.
        visit: What is done with each; an EnoughError ends it all, if it is raised ever after.
        seed: The seed.
        cases: How many to draw.
    """

    @hypothesis.seed(seed)
    @quiet(max_examples=cases, phases=(Phase.generate,))
    @hypothesis.given(strategy)
    def visit_each(case: Case) -> None:
        visit(case)

    with suppress(EnoughError, Flaky), _no_traces():
        visit_each()


@contextmanager
def _no_traces() -> Iterator[None]:
    """Let Hypothesis keep what it notes down in a folder that goes away, not in the current one."""
    with _lock:
        if _home.guests == 0:
            _home.before = storage_directory(intent_to_write=False).path
            _home.folder = tempfile.TemporaryDirectory(prefix="rnnverify-")
            set_hypothesis_home_dir(_home.folder.name)
        _home.guests += 1
    try:
        yield
    finally:
        with _lock:
            _home.guests -= 1
            if _home.guests == 0:
                set_hypothesis_home_dir(_home.before)
                _home.folder.cleanup()


def quiet(*, max_examples: int, phases: tuple[Phase, ...]) -> hypothesis.settings:
    """Return settings under which Hypothesis neither stops, nor stores, nor prints anything."""
    return hypothesis.settings(
        max_examples=max_examples,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
