"""Doubts: what looks worse than a baseline, but could be chance, is looked at again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnnverify.drawing import explore
from rnnverify.gating.baselines import Baseline, Entry, entries_of
from rnnverify.gating.regressions import Comparer
from rnnverify.records import Case
from rnnverify.results import Regression
from rnnverify.runner import execute
from rnnverify.runs import Run

BY_CHANCE = frozenset(["accuracy", "clip", "conclusive", "digits", "inconclusive", "regime"])
"""Kinds of regressions that other cases could show by chance."""
FURTHER = 4
"""Times as many cases as were run are drawn, to see whether a regime still occurs."""
FEWEST = 400


def upheld(
    regressions: Sequence[Regression], runs: Mapping[str, Run], before: Baseline
) -> list[Regression]:
    """Return those regressions that are none of chance.

    What other cases could show by chance is looked for once more in the baseline's own, if the seed
    was another. A regime is no longer covered only if it does not occur in further cases either.

    Args:
        regressions: What looks worse.
        runs: The run of each check.
        before: The baseline.
    """
    doubted = {
        each.check
        for each in regressions
        if each.kind in BY_CHANCE and _has_other_seed(each.check, runs, before)
    }
    kept = [e for e in regressions if e.check not in doubted or e.kind not in BY_CHANCE]
    for check in sorted(doubted):
        again = _asked_again(check, runs[check], before.checks[check])
        kept.extend(each for each in again if each not in kept and each.kind != "cases")
    looked_at = (
        _looked_at(each, runs[each.check], before.checks[each.check])
        if each.kind == "regime"
        else each
        for each in kept
    )
    return [each for each in looked_at if each is not None]


def _has_other_seed(check: str, runs: Mapping[str, Run], before: Baseline) -> bool:
    known = check in runs and check in before.checks
    return known and runs[check].seed != before.checks[check].seed


def _asked_again(check: str, run: Run, entry: Entry) -> list[Regression]:
    """Return what is worse on the baseline's own cases."""
    again = replace(run, seed=entry.seed, cases=entry.cases, save=None, detailed=False)
    (now,) = entries_of(execute(again)).values()
    return list(Comparer(check, now.place).entry(entry, now, None))


def _looked_at(regression: Regression, run: Run, entry: Entry) -> Regression | None:
    """Return which regimes of the baseline's do not occur in further cases, either; None of all."""
    occurred: set[str] = set()

    def note(case: Case) -> None:
        occurred.update(case.regimes)

    further = max(FEWEST, FURTHER * run.cases)
    explore(run.strategy, note, seed=run.batches[0].seed, cases=further)
    gone = [regime for regime in entry.regimes if regime not in occurred]
    return replace(regression, text=f"no longer covered: {', '.join(gone)}") if gone else None
