"""Pacing: how long a call of a candidate takes, in evaluations of the reference."""

import time
from collections.abc import Callable
from functools import partial

from rnnverify.calling import returned_by
from rnnverify.drawing import explore
from rnnverify.errors import InvalidGradientsError
from rnnverify.evaluation import Evaluation, evaluate
from rnnverify.questions import questions
from rnnverify.records import Candidate, Case
from rnnverify.runs import Run
from rnnverify.systems import System

CASES = 12
TIMES = 5
"""Calls of each, of which the quickest counts: what delays a call is not the candidate."""


def pace_of(run: Run) -> float | None:
    """Return the time of a call in evaluations of the reference, tolerances included.

    Both are called in turns on the first cases of the run, which are not checked.

    Args:
        run: The candidate, and where cases come from.

    Returns:
        The ratio of the sums over all cases, to two digits; None where the candidate is invalid.
    """
    drawn: list[Case] = []
    explore(run.strategy, drawn.append, seed=run.batches[0].seed, cases=CASES)
    calls = references = 0.0
    try:
        for case in drawn:
            references += _quickest(partial(_evaluated, run.system, case))
            question, *_ = questions(run.clips[:1], _evaluated(run.system, case), run.terms)
            calls += _quickest(partial(_call, run.candidate, question.case))
    except InvalidGradientsError:
        return None
    return float(f"{calls / references:.2g}")


def _evaluated(system: System, case: Case) -> Evaluation:
    """Evaluate the reference, and wait for it."""
    evaluation = evaluate(system, case)
    _ = evaluation.raw
    return evaluation


def _call(candidate: Candidate, case: Case) -> None:
    returned_by(candidate, case.with_arrays({name: each.copy() for name, each in case.items()}))


def _quickest(call: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
