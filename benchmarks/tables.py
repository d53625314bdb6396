"""The tables of ``python -m benchmarks``: what makes rows, what that needs, what README shows."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import click

from benchmarks import harness, markdown, markdown_detection, markdown_timings, peers, plots
from benchmarks.detection import detected, smallest_errors
from benchmarks.false_alarms import counter, runs
from benchmarks.false_alarms import row as alarm_row
from benchmarks.rows import Row, alone, complete, joined
from benchmarks.sizes import DETECTION_CASES, FALSE_ALARM_CASES, FALSE_ALARM_SEED
from rnnverify.builtin import SYSTEMS
from rnnverify.runner import execute

Take = Callable[[Row], None]
"""What every row is given to as soon as it is there."""
Block = Callable[[Sequence[Row]], str]
HARNESS = ("pytest_benchmark",)
PEERS = ("autograd", "torch")
"""Packages of peers that rnnverify itself does not need."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of figures.

    Attributes:
        measure: Makes rows; takes what they are given to, and whether to be quick.
        blocks: What README shows of them, by the names of its blocks.
        pictures: What is drawn of them, by the names of files.
        harness: Packages without which nothing can be measured.
        peers: Packages without which rows are lacking.
        quick: Whether ``--quick`` measures some of it.
    """

    measure: Callable[[Take, bool], None]
    blocks: Mapping[str, Block]
    pictures: Mapping[str, Callable[[Any, Sequence[Row]], None]] = field(default_factory=dict)
    harness: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    quick: bool = False

    @property
    def for_readme(self) -> tuple[str, ...]:
        """The packages without which README's part cannot be made."""
        return (*self.peers, *(["matplotlib"] if self.pictures else []))


def timings(table: str, rows_of: Callable[[list[Row]], list[Row]]) -> Callable[..., None]:
    """Return what makes the rows of a table that pytest-benchmark measures."""

    def measure(take: Take, quick: bool) -> None:  # noqa: FBT001 - one of two ways to measure
        gathering = harness.Gathering()
        try:
            harness.run(table, gathering, quick=quick)
        finally:
            for row in rows_of(gathering.timings):
                take(row)

    return measure


def each_alone(taken: list[Row]) -> list[Row]:
    """Return a row for each timing."""
    return [alone(each) for each in taken]


def detection(take: Take, _quick: bool) -> None:  # noqa: FBT001
    """Let every checker see the catalogue's mutants."""
    there = peers.installed()
    for system in SYSTEMS:
        for row in detected(system, DETECTION_CASES, 0, there):
            take(complete(row))
    for row in smallest_errors(DETECTION_CASES, 0, there):
        take(complete(row | {"table": "detection"}))


def false_alarms(take: Take, _quick: bool) -> None:  # noqa: FBT001
    """Run right code on very many cases."""
    for system in SYSTEMS.values():
        for run in runs(system, FALSE_ALARM_CASES, FALSE_ALARM_SEED):
            for report in execute(run, counter(run)):
                take(complete({"table": "false_alarms"} | alarm_row(report)))


def long_run(take: Take, _quick: bool) -> None:  # noqa: FBT001
    """Watch a long run, which has a process of its own."""
    words = [sys.executable, "-m", "benchmarks.long_run"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        for line in process.stdout or ():
            click.echo(line, err=True, nl=False)
            take(json.loads(line))
    if process.returncode != 0:
        message = f"long_run: it ended with exit code {process.returncode}"
        raise harness.TimingError(message)


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "check": Table(
            measure=timings("check", joined),
            blocks={
                "check": markdown_timings.cost_by_size,
                "check, T": markdown_timings.cost_by_length,
            },
            pictures={"check_P": plots.cost_by_size, "check_T": plots.cost_by_length},
            harness=HARNESS,
            peers=PEERS,
            quick=True,
        ),
        "overhead": Table(
            measure=timings("overhead", joined),
            blocks={"overhead": markdown_timings.overhead},
            harness=HARNESS,
        ),
        "first_verdict": Table(
            measure=timings("first_verdict", each_alone),
            blocks={"first_verdict": markdown_timings.first_verdict},
            harness=HARNESS,
        ),
        "bptt": Table(
            measure=timings("bptt", joined),
            blocks={"bptt": markdown_timings.bptt},
            pictures={"bptt": plots.bptt},
            harness=HARNESS,
            peers=("torch",),
            quick=True,
        ),
        "detection": Table(
            measure=detection,
            blocks={
                "detection": markdown_detection.kills_table,
                "smallest errors": markdown_detection.smallest_table,
            },
            peers=PEERS,
        ),
        "false_alarms": Table(measure=false_alarms, blocks={"false_alarms": markdown.table}),
        "long_run": Table(
            measure=long_run,
            blocks={"long_run": markdown_timings.long_run},
            harness=("psutil",),
        ),
    }
)
"""By name, in the order in which they are measured."""
