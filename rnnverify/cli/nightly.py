"""``rnnverify gate --explore``: fresh seeds, for as long as is asked for."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from rnnverify.cli.kept import Replayed, keep_failures, kept_cases, replayed, told_of_corpus
from rnnverify.cli.output import console, progress
from rnnverify.cli.planning import Check, GateOptions
from rnnverify.cli.publishing import publish, takes_stdout
from rnnverify.cli.running import INTERRUPTED, heed, words_of
from rnnverify.cli.telling import Told
from rnnverify.reports.json import document, regression_values
from rnnverify.reports.terminal import show
from rnnverify.reports.words import number
from rnnverify.results import Report

if TYPE_CHECKING:
    from rnnverify.runs import Run

SEEDS = 2**31


@dataclass(kw_only=True)
class Explored:
    """What was found.

    Attributes:
        seed: The first seed.
        replayed: What became of kept cases.
        cases: How many cases were run of each check.
        reports: On what failed.
        notes: Which cases are kept now.
        interrupted: Whether it was interrupted.
    """

    seed: int
    replayed: list[Replayed] = field(default_factory=list)
    cases: Counter[str] = field(default_factory=Counter)
    reports: list[Report] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def kept(self) -> list[Replayed]:
        """The kept cases that fail."""
        return [case for case in self.replayed if case.fails]

    @property
    def code(self) -> int:
        """The exit code."""
        verdicts = [*(each.verdict for each in self.reports), *(each.verdict for each in self.kept)]
        if verdicts:
            return 2 if "invalid" in verdicts else 1
        return INTERRUPTED if self.interrupted else 0


def explored(options: GateOptions, checks: Sequence[Check], told: Told | None) -> Explored:
    """Explore for as long as is asked for, kept cases coming first."""
    seed = secrets.randbelow(SEEDS) if options.seed is None else options.seed
    click.echo(f"from seed {seed}", err=True)
    found = Explored(seed=seed)
    kept = kept_cases(checks, options.corpus)
    try:
        for case in replayed(checks, kept, told):
            found.replayed.append(case)
        _explore(options, checks, found, told)
    except KeyboardInterrupt:
        found.interrupted = True
        heed(told)
    found.notes[:0] = told_of_corpus(options.corpus, found.replayed)
    return found


def _explore(
    options: GateOptions, checks: Sequence[Check], found: Explored, told: Told | None
) -> None:
    """Fill in how many cases were run of each check, and what failed."""
    from rnnverify.gating.baselines import check_of
    from rnnverify.gating.exploring import exploring

    runs, seconds = [check.run for check in checks], options.explore
    assert seconds is not None
    with progress(round(seconds)) as shown:
        passed = _by_time(shown.begin("exploring", round(seconds), "second"))

        def begun(run: "Run") -> None:
            if told is not None:
                told.words(words_of(run, found.reports))

        def visited(run: "Run") -> None:
            found.cases[check_of(run)] += 1
            passed()

        for _, reports in exploring(
            runs, seconds=seconds, seed=found.seed, begun=begun, visited=visited
        ):
            failed = [report for report in reports if report.failure is not None]
            found.reports.extend(failed)
            found.notes.extend(keep_failures(failed, options.corpus))


def _by_time(visited: Callable[[], None]) -> Callable[[], None]:
    """Return what may be called at any time, and calls once for each second that has passed."""
    start, told = time.monotonic(), 0

    def visit() -> None:
        nonlocal told
        while told < time.monotonic() - start - 1:
            told += 1
            visited()

    return visit


def show_explored(options: GateOptions, found: Explored) -> None:
    """Write what was found wherever it is to go."""
    each, regressions = options.each, [case.regression for case in found.kept]
    values: dict[str, Any] = {
        **document(found.reports),
        "kept": not (found.reports or found.kept or found.interrupted),
        "seed": found.seed,
        "explored": dict(found.cases),
        "regressions": [regression_values(regression) for regression in regressions],
        "notes": list(found.notes),
    }
    publish(each, values, found.reports, regressions=regressions, notes=found.notes)
    screen = console(stderr=takes_stdout(each))
    if found.reports:
        show(screen, found.reports)
    for line in (*(f"note: {note}" for note in found.notes), *(r.text for r in regressions)):
        screen.print(line, style="yellow", soft_wrap=True, highlight=False, markup=False)
    total, bad = sum(found.cases.values()), len(found.reports) + len(found.kept)
    told = number(bad, "failure") if bad else "no failure"
    checks = number(len(found.cases), "check")
    screen.print(f"{told} in {number(total, 'case')} of {checks}, from seed {found.seed}")
