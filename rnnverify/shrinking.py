"""Shrinking: the smallest case that fails in the same way, and the step at which it begins."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir, storage_directory
from hypothesis.errors import Flaky

from rnnverify.checker import check
from rnnverify.records import VERDICT_KINDS, Candidate, Case, Comparison, Failure, Verdict
from rnnverify.systems import find_system

MOST_CHECKS = 1000
"""Checks that shrinking may cost; what is smallest by then is kept."""


class _Home:
    """Where Hypothesis keeps what it notes down while runs, in however many threads, go on."""

    guests = 0
    before: Path
    folder: tempfile.TemporaryDirectory[str]


_home, _lock = _Home(), threading.Lock()


class _FoundError(Exception):
    """Tells Hypothesis that a case fails."""


def smallest(
    strategy: st.SearchStrategy[Case], fails: Callable[[Case], bool], *, seed: int, cases: int
) -> Case | None:
    """Return the smallest case found that fails, drawing the same cases as ``explore``.

    Args:
        strategy: Where cases come from.
        fails: Whether a case fails in the way that is looked for.
        seed: The seed of the run in which one failed.
        cases: How many cases it drew at most.
    """
    found: Case | None = None
    checks = 0

    @hypothesis.seed(seed)
    @quiet(max_examples=cases, phases=(Phase.generate, Phase.shrink))
    @hypothesis.given(strategy)
    def find(case: Case) -> None:
        nonlocal found, checks
        checks += found is not None
        if checks < MOST_CHECKS and fails(case):
            found = case
            raise _FoundError

    with suppress(_FoundError, Flaky), _no_traces():
        find()
    return found


def explore(
    strategy: st.SearchStrategy[Case], visit: Callable[[Case], None], *, seed: int, cases: int
) -> None:
    """Draw that many cases and visit each; the same seed gives the same cases."""

    @hypothesis.seed(seed)
    @quiet(max_examples=cases, phases=(Phase.generate,))
    @hypothesis.given(strategy)
    def visit_each(case: Case) -> None:
        visit(case)

    with _no_traces():
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


def describe(verdict: Verdict, replay: str, step: int | None, remark: str = "") -> Failure:
    """Return what is to be told of a failing case.

    Args:
        verdict: A verdict that is not ok, under a clip with a number.
        replay: The command that shows the failure again.
        step: The first step whose loss alone shows it.
        remark: What else is to be said.
    """
    wrong = [each for each in verdict.comparisons if each.kind != "match"]
    if not wrong:
        return Failure(
            verdict=verdict,
            gradient=None,
            gradients=(),
            index=None,
            step=None,
            got=None,
            want=None,
            tolerance=None,
            message=f"{verdict.case.system}: {verdict.message}{remark}",
            replay=replay,
        )
    worst = max(wrong, key=lambda each: (VERDICT_KINDS.index(each.kind), each.worst))
    return Failure(
        verdict=verdict,
        gradient=worst.gradient,
        gradients=tuple(each.gradient for each in wrong),
        index=worst.index,
        step=step,
        got=worst.got,
        want=worst.want,
        tolerance=worst.tolerance,
        message=_sentence(verdict.case, worst, step) + remark,
        replay=replay,
    )


def first_wrong_step(case: Case, candidate: Candidate) -> int | None:
    """Return the first step whose loss, taken alone, has a wrong gradient; None if none has.

    Nor has any where the candidate is invalid.
    """
    (name,) = find_system(case.system).loss_weights
    for step in range(case.dims["T"]):
        alone = np.zeros_like(case[name])
        alone[step] = 1
        verdict = check(case.with_arrays({name: alone}), candidate)
        if verdict.kind == "invalid":
            return None
        if verdict.failed:
            return step
    return None


def _sentence(case: Case, worst: Comparison, step: int | None) -> str:
    where = ", ".join(map(str, worst.index))
    got, want = _distinct(worst.got, worst.want)
    when = "" if step is None else f" (the loss of step {step} alone shows it)"
    return (
        f"{case.system}: d{worst.gradient}[{where}] = {got}, "
        f"but should be {want} ± {worst.tolerance:.2g}{when}"
    )


def _distinct(a: float, b: float) -> tuple[str, str]:
    """Print two numbers with as many digits as it takes to tell them apart, and some more."""
    for digits in range(6, 18):
        texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if f"{a:.{digits - 2}g}" != f"{b:.{digits - 2}g}":
            return texts
    return f"{a!r}", f"{b!r}"
