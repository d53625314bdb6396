"""Exploring: seed after seed, until the time is over; and a time is written as people write it."""

import time

import click
import pytest

from rnnverify.cli import cli
from rnnverify.gating.exploring import exploring
from rnnverify.loops import LOOPS
from rnnverify.runs import Run, make_run
from tests.support import mended


def run(candidate: object, name: str) -> Run:
    """Return a run of a candidate of char_rnn."""
    return make_run(
        candidate,  # type: ignore[arg-type]
        "char_rnn",
        name=name,
        clips=["none"],
        dtype="float64",
        cases=5,
        seed=99,
    )


def ignore(_run: Run) -> None:
    """Do nothing."""


def test_every_run_gets_every_seed_and_a_failing_one_only_its_first() -> None:
    """From the first seed on, in turns."""
    wrong = mended(LOOPS["char_rnn"], "Whh", lambda gradient: -gradient)
    runs = [run(LOOPS["char_rnn"], "right"), run(wrong, "wrong")]
    found = []
    for made, (report,) in exploring(runs, seconds=60, seed=7, begun=ignore, visited=ignore):
        found.append((made.name, made.seed, report.verdict))
        if len(found) == 3:
            break

    assert found == [("right", 7, "match"), ("wrong", 7, "wrong"), ("right", 8, "match")]


def test_it_ends_when_the_time_is_over() -> None:
    """Within a run, too; what was run by then is reported."""
    visited: list[str] = []

    def visit(made: Run) -> None:
        visited.append(made.name)
        time.sleep(0.05)

    runs = [run(LOOPS["char_rnn"], "x")]
    reports = list(exploring(runs, seconds=0.4, seed=0, begun=ignore, visited=visit))

    assert 1 <= len(visited) < 100
    assert reports[0][1][0].cases < 100


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("10 m", 600)]
)
def test_times_are_understood(text: str, seconds: float) -> None:
    """In seconds, minutes or hours."""
    (option,) = (o for o in cli.commands["gate"].params if o.name == "explore")
    context = click.Context(cli.commands["gate"])

    assert option.process_value(context, text) == seconds
