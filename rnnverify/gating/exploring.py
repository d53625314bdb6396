"""Exploring: fresh seeds, one after the other, until a time is over."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from rnnverify.drawing import EnoughError
from rnnverify.results import Report
from rnnverify.runner import execute
from rnnverify.runs import Run

FEWEST = 200
"""Cases of a seed, at least: a run's own calls, to see how a candidate behaves, take time, too."""


def exploring(
    runs: Sequence[Run],
    *,
    seconds: float,
    seed: int,
    begun: Callable[[Run], None],
    visited: Callable[[Run], None],
) -> Iterator[tuple[Run, list[Report]]]:
    """Run everything in turns, each time on the cases of the next seed; a failing run, only once.

    Args:
        runs: What to run; their own seeds do not matter.
        seconds: How long; what is found in that time is shrunk and explained after it, too.
        seed: The first seed.
        begun: Is called with every run before it begins.
        visited: Is called with the run after every case.

    Yields:
        Each run, as it was made, and its reports.
    """
    deadline = time.monotonic() + seconds
    failing: set[int] = set()
    while len(failing) < len(runs):
        for i, run in enumerate(runs):
            if time.monotonic() > deadline:
                return
            if i in failing:
                continue
            made = replace(run, seed=seed, cases=max(FEWEST, run.cases))
            begun(made)
            reports = execute(made, _until(deadline, partial(visited, made)))
            if any(report.failure is not None for report in reports):
                failing.add(i)
            yield made, reports
        seed += 1


def _until(deadline: float, visited: Callable[[], None]) -> Callable[[], None]:
    """Return what is to be called after every case, and ends the run when the time is over."""

    def visit() -> None:
        visited()
        if time.monotonic() > deadline:
            raise EnoughError

    return visit
