"""Explaining a failure, once, on the smallest case: where it is, whose fault, whether it lasts."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest

from rnnverify.blame import find_fault
from rnnverify.builtin import system_of
from rnnverify.checker import check_under
from rnnverify.conventions import CASES, find_conventions
from rnnverify.diagnosis import Background, diagnose
from rnnverify.drawing import explore
from rnnverify.errors import PassedOnError
from rnnverify.hygiene import not_repeatable
from rnnverify.locating import first_wrong_step
from rnnverify.records import Candidate, Case, Clip
from rnnverify.restrictions import Restrictions, Size
from rnnverify.results import Failure
from rnnverify.runs import Run
from rnnverify.strategies import cases
from rnnverify.systems import System
from rnnverify.tallying import Tally
from rnnverify.terms import Terms
from rnnverify.verdicts import Verdict, VerdictKind

ENOUGH = 10
"""Failing cases that a diagnosis is confirmed on."""
MORE = 40
"""Cases of given sizes that are drawn."""
FEW, UNITS = (2, 4), 5
"""Steps, from and to, and units at least, of cases in which steps are to be told apart."""
DIFFERS = ("inaccurate", "scaled", "wrong", "nonfinite")
NONE = Restrictions()
"""What generated cases keep to if nothing is asked for."""


def explain(
    verdict: Verdict,
    candidate: Candidate,
    terms: Terms,
    replay: str,
    *,
    seen: Sequence[Verdict] = (),
    restrictions: Restrictions = NONE,
) -> Failure:
    """Say all that can be said of one failing case.

    Args:
        verdict: On the smallest case that fails.
        candidate: What fails.
        terms: What it is held to.
        replay: The command that shows it again.
        seen: Verdicts on other cases of the same run.
        restrictions: What the cases of that run keep to.
    """
    if verdict.kind not in DIFFERS:
        return Failure.of(verdict, replay)
    finding, step, fault = None, None, None
    with suppress(PassedOnError):  # turned away, or skipped, a case that is not the test runner's
        finding = not_repeatable(verdict.case, verdict.case.clip, candidate, terms)
    if finding is not None:
        return Failure.of(finding.verdict, replay)
    found = diagnose(verdict, candidate, terms, background(verdict.case, seen, restrictions))
    if verdict.kind == "scaled":
        return replace(Failure.of(verdict, replay), diagnosis=found.diagnosis)
    with suppress(PassedOnError):
        step = first_wrong_step(verdict.case, candidate, terms)
    with suppress(PassedOnError):
        fault = find_fault(verdict.case, candidate, terms)
    return replace(
        Failure.of(verdict, replay, step=step),
        fault=fault,
        diagnosis=found.diagnosis,
        since=found.since,
    )


def background(case: Case, seen: Sequence[Verdict], restrictions: Restrictions) -> Background:
    """Return what a diagnosis is confirmed on: other cases of the run, and some that are drawn.

    Args:
        case: The smallest that fails.
        seen: Verdicts on other cases of the same run.
        restrictions: What its cases keep to.
    """
    failing = [each.case for each in seen if each.failed]
    right = [each.case for each in seen if each.kind == "match" and not each.zero]
    mixed = zip_longest(failing[:ENOUGH], right)  # a slow candidate is called on a few only
    like = [] if len(failing) >= ENOUGH else _drawn(case, restrictions, case.dims)
    system = system_of(case)
    telling = _telling_sizes(system, restrictions) if system.splits else {}
    probes = _drawn(case, restrictions, telling) if telling else []
    others = [case for pair in mixed for case in pair if case is not None]
    return Background(others=(*others, *like), probes=probes, seen=seen)


def _drawn(case: Case, restrictions: Restrictions, dims: Mapping[str, Size]) -> list[Case]:
    """Draw cases of given sizes, otherwise like one."""
    drawn: list[Case] = []
    like = cases(
        system_of(case),
        dtype=str(case.dtype),
        truncate=case.truncation,
        dims=dims,
        fixed=restrictions.fixed,
    )
    explore(like, drawn.append, seed=0, cases=MORE)
    return [each.replace(clip=case.clip) for each in drawn]


def _telling_sizes(system: System, restrictions: Restrictions) -> dict[str, Size]:
    """Return sizes in which each step can be seen: few steps, one sequence, several units.

    Numbers of steps differ, so that a step counted from the end is not taken for a certain one.
    """
    bounds = {**system.sizes, **restrictions.dims}
    units = {axis: UNITS + place % 2 for place, axis in enumerate(system.dims)}
    wanted = {axis: (n, n) for axis, n in units.items()} | {"T": FEW, "B": (1, 1)}
    return {
        axis: (max(low, min(high, least)), max(low, min(high, most)))
        for axis, (low, high) in bounds.items()
        for least, most in [wanted[axis]]
    }


def hints_for(run: Run, clip: Clip, verdict: VerdictKind, scaled_by: str | None) -> tuple[str, ...]:
    """Say what would have to be declared for a candidate to match, if anything would do.

    Args:
        run: The candidate, and the cases on which it failed.
        clip: What its gradients were clipped by.
        verdict: What was found.
        scaled_by: The factor over all gradients, if that is all that was found.
    """
    if verdict not in ("scaled", "wrong", "nonfinite"):
        return ()

    hung = False

    def trial(fixed: Mapping[str, float]) -> Tally:
        tally = Tally(run.system.dims)

        def visit(case: Case) -> None:
            nonlocal hung
            if hung:
                return
            with suppress(PassedOnError):  # what an adapter turns away counts for nothing
                for each in check_under([clip], case, run.candidate, run.terms):
                    tally.add(each)
                    hung = each.hung

        explore(run.strategy_with(fixed), visit, seed=run.batches[0].seed, cases=CASES)
        return tally

    return find_conventions(run.system, run.fixed or {}, trial, scaled_by)
