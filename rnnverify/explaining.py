"""Explaining a failure, once, on the smallest case: where it is, whose fault, whether it lasts."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from rnnverify.blame import find_fault
from rnnverify.checker import check_under
from rnnverify.conventions import CASES, find_conventions
from rnnverify.drawing import explore
from rnnverify.errors import PassedOnError
from rnnverify.hygiene import not_repeatable
from rnnverify.locating import first_wrong_step
from rnnverify.records import Candidate, Case, Clip
from rnnverify.results import Failure
from rnnverify.runs import Run
from rnnverify.tallying import Tally
from rnnverify.terms import Terms
from rnnverify.verdicts import Verdict, VerdictKind

DIFFERS = ("inaccurate", "scaled", "wrong", "nonfinite")


def explain(verdict: Verdict, candidate: Candidate, terms: Terms, replay: str) -> Failure:
    """Say all that can be said of one failing case.

    Args:
        verdict: On the smallest case that fails.
        candidate: What fails.
        terms: What it is held to.
        replay: The command that shows it again.
    """
    if verdict.kind not in DIFFERS:
        return Failure.of(verdict, replay)
    finding = not_repeatable(verdict.case, verdict.case.clip, candidate, terms)
    if finding is not None:
        return Failure.of(finding.verdict, replay)
    if verdict.kind == "scaled":
        return Failure.of(verdict, replay)
    step = first_wrong_step(verdict.case, candidate, terms)
    failure = Failure.of(verdict, replay, step=step)
    return replace(failure, fault=find_fault(verdict.case, candidate, terms))


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
