"""Replaying: kept cases are asked again, as if a run had drawn them itself."""

from collections.abc import Sequence

import numpy as np

from rnnverify.builtin import system_of
from rnnverify.checker import check_under
from rnnverify.corpora.folders import Kept
from rnnverify.errors import UsageError
from rnnverify.hygiene import not_repeatable
from rnnverify.records import Candidate, Case, Clip
from rnnverify.runs import Run
from rnnverify.systems import System
from rnnverify.terms import Terms
from rnnverify.verdicts import VERDICT_KINDS, Verdict

HALF = 0.5
"""The share of gradients that a clip changes whose number is drawn from a kept case, at least."""


def applies(kept: Kept, run: Run) -> bool:
    """Whether a kept case can be asked of a run's candidate: whether it could be one of the run's.

    Its system, dtype and truncation are those of the run, it has lengths if the run's cases have,
    its sizes are among those that the run asks for, and what the run holds at a value has it. Its
    clip does not matter; see ``clips_for``.
    """
    case, system = kept.case, _system_in(run)
    same = (
        case.system == system.name
        and dict(system_of(case).arrays) == dict(system.arrays)
        and case.dtype == np.dtype(run.dtype)
        and case.truncation == run.truncation
    )
    return same and _has_sizes(case, run) and _has_fixed(case, run)


def _system_in(run: Run) -> System:
    return run.system.with_lengths if run.lengths else run.system


def _has_sizes(case: Case, run: Run) -> bool:
    bounds = run.restrictions.dims.items()
    return all(low <= case.dims[axis] <= high for axis, (low, high) in bounds)


def _has_fixed(case: Case, run: Run) -> bool:
    """Whether the arrays that a run holds at a value have it."""
    try:
        held = run.restrictions.held(run.system, case.dims, case.dtype)
    except UsageError:  # the value fits other sizes only
        return False
    return all(np.array_equal(case[name], array) for name, array in held.items())


def clips_for(kept: Kept, run: Run) -> tuple[Clip, ...]:
    """Return the clips under which a kept case is asked.

    It is asked under its own clip, if that is one of the run's: of the same kind and over the same
    arrays, with the same number, or any, where the run's has none. Else under each of the run's; a
    clip without a number then gets one from the case, as ever.
    """
    own = kept.case.clip
    if any(_asks_for(clip, own) for clip in run.clips):
        return (own.replace(over=run.clips[0].over),)
    return run.clips


def _asks_for(clip: Clip, own: Clip) -> bool:
    if clip.kind == "none" or own.kind == "none":
        return clip.kind == own.kind
    return (clip.kind, clip.over) == (own.kind, own.over) and (
        clip.threshold is None or clip.threshold == own.threshold
    )


def replay(kept: Kept, run: Run) -> Verdict:
    """Ask a run's candidate for the gradients of a kept case, on the run's terms.

    A candidate that matches is called again, to see whether it repeats itself.

    Args:
        kept: A case that applies to the run.
        run: Its candidate, clips and terms.

    Returns:
        The worst of the verdicts under the clips in which it is asked.
    """
    fixed = frozenset(run.restrictions.fixed)
    clips, beyond = clips_for(kept, run), kept.case.beyond
    beyond = max(beyond, HALF) if clips == run.clips else beyond
    case = kept.case.replace(origin=_system_in(run), fixed=fixed, beyond=beyond)
    worst = ask(case, clips, run.candidate, run.terms)
    if worst.failed:
        return worst
    finding = not_repeatable(worst.case, worst.case.clip, run.candidate, run.terms)
    return worst if finding is None else finding.verdict


def ask(case: Case, clips: Sequence[Clip], candidate: Candidate, terms: Terms) -> Verdict:
    """Ask a candidate for the gradients of a kept case; return the worst verdict."""
    verdicts = check_under(clips, case, candidate, terms)
    return max(verdicts, key=lambda verdict: VERDICT_KINDS.index(verdict.kind))
