"""Conditions: where it never goes wrong, told from the sizes and regimes of the cases."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

from rnnverify.records import Case
from rnnverify.verdicts import Verdict

CHANCE = 1e-4
"""How likely it may be that a condition only seems to matter."""


class Condition(NamedTuple):
    """What some cases have in common, all of which are right.

    Attributes:
        text: Such as ``T = 1``.
        right: How many cases have it.
        failing: How many of the others fail.
        others: How many others there are.
    """

    text: str
    right: int
    failing: int
    others: int


def find_condition(verdicts: Sequence[Verdict]) -> Condition | None:
    """Return the condition under which all cases are right, though others fail.

    By Fisher's exact test it must be unlikely that failures keep clear of it by chance.
    """
    judged = [v for v in verdicts if v.failed or (v.kind == "match" and not v.zero)]
    failing = sum(v.failed for v in judged)
    seen = [set(v.case.dims.items()) for v in judged]
    only = dict(set.intersection(*seen)) if seen else {}
    having: dict[str, list[bool]] = {}
    for verdict in judged:
        for feature in dict.fromkeys(_features(verdict.case, only)):
            having.setdefault(feature, []).append(verdict.failed)
    found = [
        Condition(feature, len(failed), failing, len(judged) - len(failed))
        for feature, failed in having.items()
        if not any(failed)
    ]
    best = min(found, key=_chance, default=None)
    return best if best is not None and _chance(best) < CHANCE else None


def _chance(condition: Condition) -> float:
    """Return how likely it is that none of the failures would have the feature by chance."""
    _, right, failing, others = condition
    return comb(others, failing) / comb(others + right, failing)


def _features(case: Case, only: Mapping[str, int]) -> Iterator[str]:
    """Return what is so in a case, the plainest first; sizes that are the only ones are numbers."""
    for axis, n in case.dims.items():
        yield f"{axis} = 1" if n == 1 else f"{axis} > 1"
    for (a, n), (b, m) in combinations(sorted(case.dims.items(), key=lambda d: d[0] in only), 2):
        yield f"{a} {'=' if n == m else '≠'} {only.get(b, b)}"
    yield from (f'the regime "{label}"' for label in case.regimes if ":" in label)
