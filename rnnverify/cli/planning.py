"""Planning a gate: what is to be checked, on which cases, and with which mutants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rnnverify.cli.checks import Asked, find_checks
from rnnverify.cli.loading import load_place, load_test
from rnnverify.cli.requests import Options, requested
from rnnverify.errors import UsageError

if TYPE_CHECKING:
    from rnnverify.gating.baselines import Baseline, Kills
    from rnnverify.runs import Run


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """What a command line says.

    Attributes:
        each: What it says of every check.
        candidates: What it names; a check of its own each.
        cases: How many cases; None for as many as in the baseline.
        seed: None for that of the baseline.
        baseline: The file.
        update: Whether it is written, rather than compared with.
        explore: How many seconds are to be explored instead; None for a gate.
        corpus: The folder of kept cases.
        slowdown: By which factor a candidate may become slower; None for any.
        mutants: Whether mutants are counted; None: those of the catalogue, and what the baseline
            has.
    """

    each: Options
    candidates: tuple[str, ...]
    cases: int | None
    seed: int | None
    baseline: Path | None
    update: bool
    explore: float | None
    corpus: Path | None
    slowdown: float | None
    mutants: bool | None

    @property
    def whole(self) -> bool:
        """Whether everything is checked that there is, and not what the command line names."""
        return not (self.candidates or self.each.system)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One run of a gate.

    Attributes:
        name: What identifies it.
        run: The run.
        candidate: What is loaded; None for a built-in model.
        mutants: Whether its mutants are counted.
        comparable: The same on the baseline's cases, on which mutants are counted: on others one
            more or less could be killed by chance.
    """

    name: str
    run: "Run"
    candidate: str | None
    mutants: bool
    comparable: "Run"

    @property
    def mutants_of(self) -> str:
        """By which name its mutants are counted."""
        return self.run.system.name if self.candidate is None else self.name

    def kills(self) -> "Kills":
        """Return how many of its mutants are killed."""
        from rnnverify.edits import edits_of
        from rnnverify.gating.baselines import Kills
        from rnnverify.surveys import kills_of_catalogue, kills_of_edits

        run = self.comparable
        if self.candidate is None:
            return Kills.counted(
                kills_of_catalogue(run.system.name, cases=run.cases, seed=run.seed)
            )
        edits = edits_of(*load_place(self.candidate))
        return Kills.counted(kills_of_edits(replace(run, save=None), edits))


def planned(options: GateOptions, before: "Baseline") -> list[Check]:
    """Return what is to be checked: what the command line names, or pyproject.toml, or all.

    Args:
        options: The command line.
        before: The baseline, whose cases and seeds are taken where no others are asked for.

    Raises:
        UsageError: if something is not what it should be, or is asked for twice.
    """
    checks: list[Check] = []
    counted: set[str] = set()
    for asked in _asked(options):
        for run in _runs(asked):
            check = _check(run, asked, options, before)
            if check.candidate is None and run.system.name in counted:
                check = replace(check, mutants=False)
            if check.candidate is None and check.mutants:
                counted.add(run.system.name)
            checks.append(check)
    names = [check.name for check in checks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = (
            f"checks: {', '.join(twice)}: asked for twice; let one check have all its clips: "
            'clip = ["none", "value:5"]'
        )
        raise UsageError(message)
    return checks


def _asked(options: GateOptions) -> Sequence[Asked]:
    if options.candidates:
        each = options.each
        return [
            Asked(replace(each, candidate=name, name=name.removeprefix("./")))
            for name in options.candidates
        ]
    if options.each.system:
        return [Asked(options.each)]
    found = find_checks(options.each)
    if not found:
        click.echo("no checks in a pyproject.toml: the built-in models are checked", err=True)
    return found or [Asked(options.each)]


def _runs(asked: Asked) -> "list[Run]":
    """Return what is asked for; a test by ``gradient_test`` says itself what it is held to.

    Raises:
        UsageError: if it is not what it should be; it says where that is asked for.
    """
    options = asked.options
    try:
        test = None if options.system or not options.candidate else load_test(options.candidate)
        if test is None:
            return requested(options)
        _refuse_terms(options)
    except UsageError as error:
        message = f"{asked.where}{error}"
        raise UsageError(message) from None
    return [replace(test, name=options.name or test.name, detailed=options.html is not None)]


def _refuse_terms(options: Options) -> None:
    """Refuse what a test is held to from outside.

    Raises:
        UsageError: if there is anything.
    """
    names = ("clip", "dtype", "truncate", "lengths", "gradients", "dims", "fixed", "clip_over")
    given = [name for name in names if getattr(options, name)]
    given += ["scale"] if options.scale != "1" else []
    given += ["digits"] if options.digits is not None else []
    if given:
        message = f"{', '.join(given)}: {options.candidate} is a test, and says that itself"
        raise UsageError(message)


def _check(run: "Run", asked: Asked, options: GateOptions, before: "Baseline") -> Check:
    from rnnverify.gating.baselines import check_of

    name, own = check_of(run), asked.options.candidate
    entry = before.checks.get(name)
    known_cases, known_seed = (entry.cases, entry.seed) if entry else (run.cases, run.seed)
    cases = next(n for n in (options.cases, asked.cases, known_cases) if n is not None)
    seed = known_seed if options.seed is None else options.seed
    said = asked.mutants if options.mutants is None else options.mutants
    usual = own is None or name in before.mutants
    as_asked = replace(run, cases=cases, seed=seed)
    as_known = replace(run, cases=known_cases, seed=known_seed)
    return Check(
        name=name,
        run=as_asked,
        comparable=as_asked if entry is None or options.update else as_known,
        candidate=own,
        mutants=usual if said is None else said,
    )
