"""The harness: pytest-benchmark times the calls of a table, and this gathers what it found.

Of all rounds the minimum counts, for everybody alike. As the documentation of Python's ``timeit``
has it, the lowest value is a bound on how fast a machine can run the code, and higher ones are
typically not due to the code but to other processes that interfere.
"""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rows import Row
from benchmarks.sizes import MOST_ROUNDS, SECONDS, SECONDS_QUICK

TIMINGS = Path(__file__).parent / "timings"


class TimingError(Exception):
    """Raised where not everything could be timed, or a checker does not do its work."""


class Timing:
    """Times a call, and says what it is the time of.

    Args:
        benchmark: The fixture of pytest-benchmark.
        seconds: How long the rounds may take together.
    """

    def __init__(self, benchmark: Any, seconds: float) -> None:
        self._benchmark = benchmark
        self._seconds = seconds

    def about(self, who: str, *, scale: float = 1.0, **work: Any) -> None:
        """Say who is timed at what.

        Args:
            who: The contestant.
            scale: What its seconds are multiplied by, for the time of one of many cases, say.
            work: The further keys of its row; see ``rows.joined``.
        """
        self._benchmark.extra_info.update(timing={"who": who, **work}, scale=scale)

    def warm(self, call: Callable[[], Any]) -> Any:
        """Time a call as often as seconds allow, after a first one that may compile."""
        call()
        start = time.perf_counter()
        call()
        rounds = int(self._seconds / (time.perf_counter() - start))
        return self.cold(call, rounds=min(max(rounds, 1), MOST_ROUNDS))

    def cold(
        self, call: Callable[[], Any], *, rounds: int = 1, setup: Callable[[], None] | None = None
    ) -> Any:
        """Time a call just so often, each after a setup, and return the result of the last."""
        return self._benchmark.pedantic(call, rounds=rounds, setup=setup)


class Gathering:
    """A plugin of pytest that gathers timings as soon as they are there."""

    def __init__(self) -> None:
        self.timings: list[Row] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Keep a test's timing, if the test passes."""
        yield
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if benchmark is not None and benchmark.stats is not None:
            info = benchmark.extra_info
            seconds = benchmark.stats.stats.min * info["scale"]
            self.timings.append({**info["timing"], "seconds": seconds})


def run(table: str, gathering: Gathering, *, quick: bool) -> None:
    """Time all contestants of a table; what ``--quick`` measures, if that is asked for.

    Raises:
        TimingError: if not everything could be timed.
        KeyboardInterrupt: if it was interrupted.
    """
    words = [str(TIMINGS / f"test_{table}.py"), "-v", f"--rootdir={TIMINGS}"]
    words += ["-c", str(TIMINGS / "pytest.ini")]
    words += [f"--benchmark-max-time={SECONDS_QUICK if quick else SECONDS}"]
    words += ["-m", "quick"] if quick else []
    with redirect_stdout(sys.stderr):
        code = pytest.main(words, plugins=[gathering])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code != pytest.ExitCode.OK:
        message = f"{table}: not everything could be timed; pytest says why above"
        raise TimingError(message)
