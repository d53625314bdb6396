"""Judging: everything that a gate is to check is run, and compared with a baseline."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rnnverify.cli.kept import Replayed, keep_failures, replayed
from rnnverify.cli.output import progress
from rnnverify.cli.planning import Check, GateOptions
from rnnverify.cli.running import run_all
from rnnverify.cli.supervising import Told
from rnnverify.errors import UsageError
from rnnverify.results import Regression, Report

if TYPE_CHECKING:
    from rnnverify.gating.baselines import Baseline, Kills


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a gate found out.

    Attributes:
        reports: On every check, under every clip.
        regressions: What is worse than the baseline.
        notes: What is merely other.
        replayed: What became of kept cases.
        now: What a new baseline would hold.
        seconds: How long it took.
        interrupted: Whether it was interrupted.
    """

    reports: Sequence[Report]
    regressions: Sequence[Regression]
    notes: Sequence[str]
    replayed: Sequence[Replayed]
    now: "Baseline"
    seconds: float
    interrupted: bool

    @property
    def is_invalid(self) -> bool:
        """Whether a candidate is invalid."""
        verdicts = [*(r.verdict for r in self.reports), *(r.verdict for r in self.replayed)]
        return "invalid" in verdicts


def baseline_of(options: GateOptions) -> "Baseline":
    """Return the baseline, an empty one where a new one is to be made."""
    from rnnverify.gating.baseline_files import read_baseline
    from rnnverify.gating.baselines import Baseline

    path = options.baseline
    if path is None or (options.update and not path.exists()):
        return Baseline(checks={})
    return read_baseline(path)


def judged(
    options: GateOptions, checks: Sequence[Check], before: "Baseline", told: Told | None
) -> Outcome:
    """Run everything, kept cases first, and compare it with the baseline.

    Args:
        options: The command line.
        checks: What is to be checked.
        before: The baseline.
        told: Whom to tell how far it is, where there is a supervisor.

    Raises:
        UsageError: if a corpus or a baseline is not what it should be, or two checks are the same.
    """
    from rnnverify.gating.baselines import Baseline, entries_of, versions
    from rnnverify.gating.doubts import upheld
    from rnnverify.gating.regressions import compare
    from rnnverify.programs import abandon

    start = time.perf_counter()
    _refuse_unpaced(options, checks, before)
    cases = replayed(checks, options.corpus, told)
    reports, _, interrupted = run_all([check.run for check in checks], told)
    kept = keep_failures(reports, options.corpus)
    paces: dict[str, float | None] = {}
    kills: dict[str, Kills] = {}
    try:
        if not interrupted:
            paces = {} if options.slowdown is None else _paces(checks)
            kills = _kills(checks)
    except KeyboardInterrupt:
        interrupted = True
        abandon()
    entries = entries_of(reports)
    now = Baseline(
        checks={name: replace(each, pace=paces.get(name)) for name, each in entries.items()},
        mutants=kills,
        versions=versions(),
    )
    whole = options.whole and not interrupted
    counted = before if options.mutants is not False else replace(before, mutants={})
    worse = compare(counted, now, whole=whole, slowdown=options.slowdown)
    runs = {check.name: check.run for check in checks}
    regressions = worse if interrupted else upheld(worse, runs, before)
    told_of = {(each.check, each.kind) for each in regressions}
    excused = [each for each in worse if (each.check, each.kind) not in told_of]
    chance = [f"{each.check}: {each.text}: by chance" for each in excused]
    failing = [each.regression for each in cases if each.is_worse_than(before)]
    return Outcome(
        reports=reports,
        regressions=[*failing, *regressions],
        notes=[*_notes(options, before, now), *chance, *kept],
        replayed=cases,
        now=now,
        seconds=round(time.perf_counter() - start, 3),
        interrupted=interrupted,
    )


def _refuse_unpaced(options: GateOptions, checks: Sequence[Check], before: "Baseline") -> None:
    """Refuse to compare times with a baseline that has none.

    Raises:
        UsageError: if it has none.
    """
    if options.slowdown is None or options.update:
        return
    unpaced = [c.name for c in checks if c.name in before.checks and not before.checks[c.name].pace]
    if unpaced:
        message = (
            f"--slowdown: the baseline holds no time of {unpaced[0]}; measure it with: "
            "rnnverify gate ... --update --slowdown FACTOR"
        )
        raise UsageError(message)


def _kills(checks: Sequence[Check]) -> "dict[str, Kills]":
    """Count the mutants that are killed, with progress."""
    counted = [check for check in checks if check.mutants]
    found = {}
    with progress(len(counted)) as shown:
        for check in counted:
            visited = shown.begin(f"mutants of {check.mutants_of}", 1, "check")
            found[check.mutants_of] = check.kills()
            visited()
    return found


def _paces(checks: Sequence[Check]) -> dict[str, float | None]:
    from rnnverify.gating.pacing import pace_of

    return {check.name: pace_of(check.run) for check in checks}


def _notes(options: GateOptions, before: "Baseline", now: "Baseline") -> Iterator[str]:
    """Return what is other than in the baseline, and no worse."""
    from rnnverify.gating.regressions import differing, others

    yield from differing(before.versions, now.versions)
    if not options.update:
        yield from others(before, now)
    if not options.whole and (left := len(before.checks.keys() - now.checks.keys())):
        yield f"{left} checks of the baseline are not among those that were named"
