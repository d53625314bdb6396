"""Cost of a check against the number of parameters, and against the length of the sequence."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.checkers import CHECKERS, COLD, forget
from benchmarks.harness import Timing
from benchmarks.peers import is_installed
from benchmarks.problems import count, plain_case
from benchmarks.sizes import DIMS, GROWING, LENGTHS, MOST_FOR_SLOW, QUICK, ROUGH, STEPS
from rnnverify.builtin import find_system


def contests() -> Iterator[Any]:
    """Give every checker with every size that it can cope with, rnnverify first."""
    there = {who: each for who, each in CHECKERS.items() if is_installed(each.package)}
    for system, sizes in DIMS.items():
        works = [(P, STEPS) for P in sizes] + [(GROWING, T) for T in LENGTHS if T != STEPS]
        for size, steps in works:
            marks = [pytest.mark.quick] if size in QUICK and steps == STEPS else []
            for who, checker in there.items():
                if not (checker.linear and size > MOST_FOR_SLOW):
                    yield pytest.param(system, size, steps, who, marks=marks)


@pytest.mark.parametrize(("system", "size", "steps", "who"), list(contests()))
def test_check(system: str, size: int, steps: int, who: str, timing: Timing) -> None:
    """Time one checker on the right gradient, which it accepts."""
    case, checker = plain_case(system, size, steps), CHECKERS[who]
    accepted = checker.prepare(case, find_system(system).gradients)
    timing.about(who, table="check", system=system, size=count(case), dtype="float64", T=steps)
    if who == COLD:
        assert timing.cold(accepted, setup=forget)
    elif checker.linear and size >= ROUGH:
        assert timing.cold(accepted, rounds=1 if size > ROUGH else 3)
    else:
        assert timing.warm(accepted)
