"""Surveys: mutants are run as candidates are, to measure how soon they are killed, and named."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rnnverify.builtin import find_system
from rnnverify.edits import Edit
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.results import Diagnosis, Report
from rnnverify.runner import execute, executed
from rnnverify.runs import Run, make_run
from rnnverify.verdicts import VERDICT_KINDS, VerdictKind

ENOUGH = 10
"""Failing cases after which a mutant's run ends."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one mutant.

    Attributes:
        system: The system's name.
        name: The mutant's name; "" for the code as it stands.
        killed: Whether a case failed.
        cases: After how many cases; how many there were, where none failed.
        named: Whether the diagnosis is the mutant itself; of an edit of somebody's own code,
            whether there is one.
        verdict: The verdict of its run.
        diagnosis: What was told.
        change: What was changed, in a line.
    """

    system: str
    name: str
    killed: bool
    cases: int
    named: bool
    verdict: VerdictKind
    diagnosis: Diagnosis | None
    change: str = ""


def of_catalogue(systems: Sequence[str], *, cases: int, seed: int) -> Iterator[Outcome]:
    """Run every mutant of the catalogue, and the models as they stand under the same conditions.

    Args:
        systems: Names of built-in systems.
        cases: How many cases each mutant has to survive.
        seed: The same seed gives the same cases.
    """
    for name in systems:
        conditions = dict.fromkeys((m.clip, m.lengths) for m in CATALOGUE[name])
        for condition in conditions:
            alike = [m for m in CATALOGUE[name] if (m.clip, m.lengths) == condition]
            yield outcome(replace(run_of(alike[0], cases, seed), name=""))
            for mutant in alike:
                yield of_mutant(mutant, cases=cases, seed=seed)


def run_of(mutant: Mutant, cases: int, seed: int) -> Run:
    """Return a run of the model as it stands, under the conditions in which a mutant shows."""
    return make_run(
        find_system(mutant.system).gradients,
        mutant.system,
        name=mutant.name,
        clips=[mutant.clip],
        dtype="float64",
        cases=cases,
        seed=seed,
        lengths=mutant.lengths,
    )


def of_mutant(mutant: Mutant, *, cases: int, seed: int) -> Outcome:
    """Run one mutant of the catalogue."""
    found = outcome(replace(run_of(mutant, cases, seed), candidate=mutant.fresh()))
    told = found.diagnosis is not None and found.diagnosis.name == mutant.name
    return replace(found, named=told, change=mutant.after.strip())


def of_edits(run: Run, edits: Iterable[Edit]) -> Iterator[Outcome]:
    """Run somebody's own code as it stands, and then with every edit.

    Args:
        run: How the code itself is verified.
        edits: Changes to it.
    """
    yield outcome(replace(run, name=""))
    for edit in edits:
        found = outcome(replace(run, candidate=edit.candidate, name=edit.name))
        yield replace(found, change=f"{edit.path}:{edit.line}: {edit.after}")


def kills_of_catalogue(system: str, *, cases: int, seed: int) -> dict[str, bool]:
    """Return of every mutant of a system whether a case killed it, with nothing explained."""
    return {
        mutant.name: is_killed(replace(run_of(mutant, cases, seed), candidate=mutant.fresh()))
        for mutant in CATALOGUE[system]
    }


def kills_of_edits(run: Run, edits: Iterable[Edit]) -> dict[str, bool]:
    """Return of every edit of somebody's own code whether a case killed it."""
    return {edit.name: is_killed(replace(run, candidate=edit.candidate)) for edit in edits}


def is_killed(run: Run) -> bool:
    """Whether one of a run's cases fails; those after the first are not run."""
    return any(watch.tally.failed for watch in executed(run, enough=1).watches)


def outcome(run: Run) -> Outcome:
    """Run one candidate, until it has failed often enough to be diagnosed."""
    reports = execute(run, enough=ENOUGH)
    failed = [report for report in reports if report.failure is not None]
    first = min((report.first_failed or report.cases for report in failed), default=run.checks)
    diagnoses = [d for d in map(_diagnosis, failed) if d is not None]
    return Outcome(
        system=run.system.name,
        name=run.name,
        killed=bool(failed),
        cases=first,
        named=bool(diagnoses),
        verdict=max((r.verdict for r in reports), key=VERDICT_KINDS.index),
        diagnosis=next(iter(diagnoses), None),
    )


def _diagnosis(report: Report) -> Diagnosis | None:
    return None if report.failure is None else report.failure.diagnosis
