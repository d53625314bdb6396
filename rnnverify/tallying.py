"""Tallies: the verdicts of many cases become the figures of a report."""

import statistics
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnverify.records import Array
from rnnverify.results import Detail, GradientSummary
from rnnverify.scales import Seen, explaining
from rnnverify.verdicts import VERDICT_KINDS, Comparison, Verdict, VerdictKind

PASSED = ("match", "zero", "inconclusive")
"""What is counted of cases that did not fail."""
ENOUGH = 0.5
"""A gradient must be conclusive in this share of the cases in which it is not zero."""


class Tally:
    """Counts verdicts, one by one.

    Args:
        axes: What each axis of the system is, by its name.
        detailed: Whether the error of every entry is kept, too.
    """

    def __init__(self, axes: Mapping[str, str], *, detailed: bool = False) -> None:
        self.cases = 0
        self._detailed = detailed
        self._axes = axes
        self._ratios: dict[tuple[Any, ...], Seen] = {}
        self.counts: Counter[str] = Counter()
        self.active = 0
        self.regimes: Counter[str] = Counter()
        self._unchecked: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._gradients: dict[str, _GradientTally] = {}

    def add(self, verdict: Verdict) -> None:
        """Count one case's verdict."""
        self.cases += 1
        self.counts["zero" if verdict.zero else verdict.kind] += 1
        self.active += verdict.clip_active
        self.regimes.update(verdict.case.regimes)
        if verdict.ratio is not None:
            self._saw(Seen(verdict.case.dims, verdict.ratio, verdict.vague))
        elif verdict.ok and not verdict.zero and not verdict.clip_active:
            self._saw(Seen(verdict.case.dims, 1.0))
        self._unchecked.update(verdict.unchecked)
        self._notes.update(verdict.notes)
        for comparison in verdict.comparisons:
            tally = self._gradients.setdefault(comparison.gradient, _GradientTally())
            judged = verdict.kind != "inconclusive"
            tally.add(comparison, judged=judged)
            if self._detailed and judged and comparison.errors is not None:
                tally.errors = largest(tally.errors, comparison.errors)

    def _saw(self, seen: Seen) -> None:
        """Keep a factor, unless it was seen at the same sizes before: long runs stay small."""
        self._ratios.setdefault((*seen.dims.items(), seen.ratio, seen.vague), seen)

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(n for kind, n in self.counts.items() if kind not in PASSED)

    @property
    def worst(self) -> VerdictKind | None:
        """The worst verdict on a case."""
        return next((kind for kind in reversed(VERDICT_KINDS) if self.counts[kind]), None)

    @property
    def scaled_by(self) -> str | None:
        """The factor over all gradients that explains every case, those that match included."""
        if not self.counts["scaled"]:
            return None
        return explaining(list(self._ratios.values()), self._axes) or None

    @property
    def verdict(self) -> VerdictKind:
        """The worst verdict, or ``inconclusive`` where too little was conclusive for a match.

        Factors that are others in other cases, for no reason that can be seen, are wrong gradients.
        """
        worst = self.worst
        if worst == "scaled" and self.scaled_by is None:
            return "wrong"
        if worst not in (None, "match", "inconclusive"):
            return worst
        return "inconclusive" if self.weak or worst is None else "match"

    @property
    def weak(self) -> tuple[str, ...]:
        """The gradients that were conclusive in too few cases."""
        return tuple(name for name, tally in self._gradients.items() if not tally.enough)

    @property
    def gradients(self) -> Mapping[str, GradientSummary]:
        """A summary of each gradient."""
        return {name: tally.summary for name, tally in self._gradients.items()}

    @property
    def details(self) -> Mapping[str, Detail]:
        """The error of every entry, and every case's digits; nothing unless they were kept."""
        return {
            name: Detail(
                errors=tally.errors, digits=tuple(zip(tally.available, tally.agree, strict=True))
            )
            for name, tally in self._gradients.items()
            if tally.errors is not None
        }

    @property
    def unchecked(self) -> tuple[str, ...]:
        """The gradients that were never returned."""
        return tuple(name for name in self._unchecked if name not in self._gradients)

    @property
    def notes(self) -> list[str]:
        """Every note, and in how many cases it holds."""
        notes = dict(self._notes)
        for name, n in self._unchecked.items():
            if name in self._gradients:
                notes[f"d{name} was not returned, and not checked"] = n
        return [f"{note} (in {n} of {self.cases} cases)" for note, n in notes.items()]


class _GradientTally:
    def __init__(self) -> None:
        self.nonzero = 0
        self.differ = 0
        self.worst: float | None = None
        self.available = array("d")
        self.agree = array("d")
        self.errors: Array | None = None

    def add(self, comparison: Comparison, *, judged: bool) -> None:
        self.nonzero += not comparison.zero
        self.differ += judged and comparison.kind != "match"
        if judged:
            self.worst = max(self.worst or 0.0, comparison.worst)
        if comparison.conclusive:
            self.available.append(comparison.digits)
            self.agree.append(comparison.agree)

    @property
    def digits(self) -> tuple[tuple[float, float], ...]:
        return tuple(zip(self.available, self.agree, strict=True))

    @property
    def enough(self) -> bool:
        return self.nonzero > 0 and ENOUGH * self.nonzero <= len(self.available)

    @property
    def summary(self) -> GradientSummary:
        return GradientSummary(
            worst=self.worst,
            digits=statistics.median(self.available) if self.available else None,
            agree=statistics.median(self.agree) if self.agree else None,
            conclusive=len(self.available),
            nonzero=self.nonzero,
            differ=self.differ,
        )


def largest(errors: Array | None, others: Array) -> Array:
    """Return the larger error at each place, arrays of other sizes being as large as they are.

    What lies beyond both is NaN.
    """
    if errors is None:
        return others
    shape = tuple(max(sizes) for sizes in zip(errors.shape, others.shape, strict=True))
    grown = np.full(shape, np.nan)
    for each in (errors, others):
        part = tuple(slice(size) for size in each.shape)
        grown[part] = np.fmax(grown[part], each)
    return grown
