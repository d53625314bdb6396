"""Measure the checker by the catalogue: how soon mutants are killed, and how many are named.

    python -m benchmarks.mutants --json mutants.json

Each mutant is run as ``rnnverify mutants`` does it, and once more with its own entry taken out of
the catalogue, so that only relations, the contributions of steps, and other mutants are left to
explain it. What is told then of another mutant is compared with it on further cases: it is false
where they differ.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import click
import numpy as np

from benchmarks.machine import machine
from rnnverify.checker import check
from rnnverify.diagnosis import diagnose
from rnnverify.drawing import explore
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Case, Clip
from rnnverify.strategies import cases as case_strategy
from rnnverify.surveys import Outcome, of_catalogue, of_mutant

HEAD = """\
| system | mutants | killed | after, median | at most | named | told without its entry | falsely |
|---|---|---|---|---|---|---|---|"""
FURTHER = 50
"""Cases on which mutants are compared that were taken for one another."""


@click.command()
@click.option("--system", multiple=True, help="Only these.")
@click.option("--cases", default=200, show_default=True, help="Cases that a mutant must survive.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
@click.option("--markdown", is_flag=True, help="Print README's table instead.")
def main(system: tuple[str, ...], cases: int, seed: int, target: str, *, markdown: bool) -> None:
    """Run every mutant, and exit 1 if one survives or a model is accused."""
    rows = []
    for name in system or CATALOGUE:
        rows.append(row(name, cases, seed))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    text = json.dumps({"format": 1, "machine": machine(), "rows": rows}, indent=1) + "\n"
    with click.open_file(target, "w") as file:
        file.write(table(rows) if markdown else text)
    sys.exit(any(row["killed"] < row["mutants"] or row["alarms"] for row in rows))


def row(system: str, cases: int, seed: int) -> dict[str, Any]:
    """Return the figures of one system."""
    with timed_explanations() as seconds:
        outcomes = list(of_catalogue([system], cases=cases, seed=seed))
    planted = [each for each in outcomes if each.name]
    killed = [each.cases for each in planted if each.killed]
    without = {}
    for mutant in CATALOGUE[system]:
        with catalogue_without(mutant):
            without[mutant] = of_mutant(mutant, cases=cases, seed=seed)
    told = {m: found for m, found in without.items() if found.diagnosis is not None}
    return {
        "table": "mutants",
        "system": system,
        "mutants": len(planted),
        "killed": len(killed),
        "after": sorted(killed),
        "named": sum(each.named for each in planted),
        "not_named": [each.name for each in planted if not each.named],
        "told_without": len(told),
        "not_told_without": [m.name for m in without if m not in told],
        "false_without": [m.name for m, found in told.items() if is_false(m, found)],
        "alarms": sum(each.killed for each in outcomes if not each.name),
        "explaining_median_s": round(statistics.median(seconds), 3),
        "explaining_most_s": round(max(seconds), 3),
    }


@contextmanager
def timed_explanations() -> Iterator[list[float]]:
    """Give the seconds that each diagnosis took."""
    seconds: list[float] = []

    def timed(*arguments: Any) -> Any:
        start = time.perf_counter()
        found = diagnose(*arguments)
        seconds.append(time.perf_counter() - start)
        return found

    with mock.patch("rnnverify.explaining.diagnose", timed):
        yield seconds


@contextmanager
def catalogue_without(mutant: Mutant) -> Iterator[None]:
    """Take one entry out of the catalogue that diagnoses are made with."""
    rest: Mapping[str, Sequence[Mutant]] = {
        system: tuple(each for each in mutants if each is not mutant)
        for system, mutants in CATALOGUE.items()
    }
    with mock.patch("rnnverify.diagnosis.catalogue.CATALOGUE", rest):
        yield


def is_false(mutant: Mutant, found: Outcome) -> bool:
    """Whether a mutant was taken for one that differs from it in some further case."""
    told = found.diagnosis
    other = next((m for m in CATALOGUE[mutant.system] if told and m.name == told.name), None)
    return other is not None and not all(agreeing(mutant, other))


def agreeing(mutant: Mutant, other: Mutant) -> Iterator[bool]:
    """Give for each further case whether two mutants return the same."""
    drawn: list[Case] = []
    strategy = case_strategy(mutant.system, lengths=mutant.lengths)
    explore(strategy, drawn.append, seed=1, cases=FURTHER)
    for case in drawn:
        verdict = check(case.replace(clip=Clip.parse(mutant.clip)), mutant.gradients)
        if verdict.kind != "inconclusive":
            first, second = (m.gradients(verdict.case) for m in (mutant, other))
            yield all(np.allclose(first[n], second[n], rtol=1e-9, atol=1e-12) for n in first)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return README's table."""
    lines = [line(f"`{each['system']}`", [each]) for each in rows]
    return "\n".join([HEAD, *lines, line("all", rows)]) + "\n"


def line(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return one line of README's table, of one system or of several."""
    after = [n for each in rows for n in each["after"]]
    mutants, killed, named, told = (
        sum(each[key] for each in rows) for key in ("mutants", "killed", "named", "told_without")
    )
    false = sum(len(each["false_without"]) for each in rows)
    return (
        f"| {title} | {mutants} | {killed} | {statistics.median(after):g} | {max(after)} "
        f"| {named} | {told} | {false} |"
    )


if __name__ == "__main__":
    main()
