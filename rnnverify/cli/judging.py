"""Judging: everything that a gate is to check is run, and compared with a baseline."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rnnverify.cli.kept import Replayed, keep_failures, kept_cases, replayed, told_of_corpus
from rnnverify.cli.output import progress
from rnnverify.cli.planning import Check, GateOptions
from rnnverify.cli.running import heed, run_all
from rnnverify.cli.telling import Told
from rnnverify.errors import UsageError
from rnnverify.reports.words import number
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


@dataclass
class _Ran:
    """What was run, up to an interruption."""

    reports: list[Report] = field(default_factory=list)
    replayed: list[Replayed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    paces: dict[str, float | None] = field(default_factory=dict)
    kills: "dict[str, Kills]" = field(default_factory=dict)
    interrupted: bool = False


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
    start = time.perf_counter()
    _refuse_unpaced(options, checks, before)
    ran = _ran(options, checks, told)
    now = _as_baseline(ran)
    regressions, chance = _worse(options, checks, ran, before, now)
    return Outcome(
        reports=ran.reports,
        regressions=regressions,
        notes=[*_notes(options, before, now), *_kept_notes(options, ran, before), *chance],
        replayed=ran.replayed,
        now=now,
        seconds=round(time.perf_counter() - start, 3),
        interrupted=ran.interrupted,
    )


def _ran(options: GateOptions, checks: Sequence[Check], told: Told | None) -> _Ran:
    """Run kept cases, checks, times and mutants; an interruption ends it, and loses nothing."""
    ran = _Ran()

    def keep(reports: Sequence[Report]) -> None:
        ran.notes.extend(keep_failures(reports, options.corpus))

    kept = kept_cases(checks, options.corpus)
    try:
        for case in replayed(checks, kept, told):
            ran.replayed.append(case)
        ran.reports, _, ran.interrupted = run_all([check.run for check in checks], told, keep)
        if not ran.interrupted:
            ran.paces = {} if options.slowdown is None else _paces(checks)
            ran.kills = _kills(checks)
    except KeyboardInterrupt:
        ran.interrupted = True
        heed(told)
    return ran


def _as_baseline(ran: _Ran) -> "Baseline":
    from rnnverify.gating.baselines import Baseline, entries_of, versions

    entries = entries_of(ran.reports).items()
    return Baseline(
        checks={name: replace(each, pace=ran.paces.get(name)) for name, each in entries},
        mutants=ran.kills,
        versions=versions(),
    )


def _worse(
    options: GateOptions, checks: Sequence[Check], ran: _Ran, before: "Baseline", now: "Baseline"
) -> tuple[list[Regression], list[str]]:
    """Return what is worse, and a note for what only looked so."""
    from rnnverify.gating.doubts import upheld
    from rnnverify.gating.regressions import compare

    whole = options.whole and not ran.interrupted
    counted = before if options.mutants is not False else replace(before, mutants={})
    looks = compare(counted, now, whole=whole, slowdown=options.slowdown)
    runs = {check.name: check.run for check in checks}
    worse = looks if ran.interrupted else upheld(looks, runs, before)
    told_of = {(each.check, each.kind) for each in worse}
    excused = [each for each in looks if (each.check, each.kind) not in told_of]
    failing = [each.regression for each in ran.replayed if each.is_worse_than(before)]
    return [*failing, *worse], [f"{each.check}: {each.text}: by chance" for each in excused]


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
    found: dict[str, Kills] = {}
    if not counted:
        return found
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
    if options.mutants is False and before.mutants:
        yield "mutants were not counted"
    for name, kills in now.mutants.items():
        if not kills.of:
            yield f"{name}: there is nothing that could be changed, and no mutant of it"
    if not options.whole and (left := len(before.checks.keys() - now.checks.keys())):
        yield f"{number(left, 'check')} of the baseline not among those that were named"


def _kept_notes(options: GateOptions, ran: _Ran, before: "Baseline") -> Iterator[str]:
    """Return what became of kept cases, but for what is worse, and of failing ones."""
    yield from told_of_corpus(options.corpus, ran.replayed)
    for case in ran.replayed:
        if case.fails and not case.is_worse_than(before):
            yield f"{case.check}: {case.told}, as in the baseline"
    yield from ran.notes
