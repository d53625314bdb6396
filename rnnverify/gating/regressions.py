"""Gating: what is worse than a baseline says, and what is merely other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rnnverify.gating.baselines import Baseline, Entry, Figures, Kills, check_of
from rnnverify.results import Place, Regression, Report
from rnnverify.verdicts import VERDICT_KINDS

TIMES = 10
"""Errors may grow by this factor."""
ORDINARY = 0.05
"""Tolerances below which an error is luck: right code has errors up to ten times that."""
DIGITS = 1.0
"""Decimal digits that may go."""
POINTS = 5.0
"""Points of a percentage that may go."""


@dataclass(frozen=True)
class Comparer:
    """Compares one check with what a baseline says of it."""

    check: str
    place: Place | None = None

    def entry(self, before: Entry, now: Entry, slowdown: float | None) -> Iterator[Regression]:
        """Return what is worse of a check.

        Args:
            before: What the baseline says.
            now: What was found.
            slowdown: By which factor the candidate may become slower; None for any.
        """
        if now.cases < before.cases and not _failed_early(now):
            yield self._worse("cases", f"{now.cases} cases, where there were {before.cases}")
        gone = [regime for regime in before.regimes if regime not in now.regimes]
        if gone and not _failed_early(now):
            yield self._worse("regime", f"no longer covered: {', '.join(gone)}")
        for clip, figures in before.clips.items():
            if clip not in now.clips:
                yield self._worse("clip", f"no longer checked under clip {clip}")
            else:
                yield from self.figures(clip, figures, now.clips[clip])
        new = {clip: each for clip, each in now.clips.items() if clip not in before.clips}
        yield from self.unknown(replace(now, clips=new))
        if slowdown is not None and before.pace and now.pace and now.pace > slowdown * before.pace:
            times = now.pace / before.pace
            told = f"{now.pace:.2g} evaluations of the reference a call, where it took"
            yield self._worse("speed", f"{times:.2g} times slower: {told} {before.pace:.2g}")

    def figures(self, clip: str, before: Figures, now: Figures) -> Iterator[Regression]:
        """Return what is worse under one clip."""
        if VERDICT_KINDS.index(now.verdict) > VERDICT_KINDS.index(before.verdict):
            kind = "inconclusive" if now.verdict == "inconclusive" else "verdict"
            yield self._worse(kind, f"clip {clip}: {now.verdict}, where it was {before.verdict}")
            return
        worse = [
            _other(f"d{name}", before.gradients[name].worst, each.worst, " tolerances")
            for name, each in now.gradients.items()
            if name in before.gradients and _grew(before.gradients[name].worst, each.worst)
        ]
        if worse:
            yield self._worse("accuracy", f"clip {clip}: worst error of {'; '.join(worse)}")
        yield from self._shares(clip, before, now)
        if before.active > 0 and now.active == 0 and clip != "none":
            told = f"clip {clip} changed no gradient, where it did in {before.active:g} % of cases"
            yield self._worse("clip", told)

    def _shares(self, clip: str, before: Figures, now: Figures) -> Iterator[Regression]:
        """Return digits that no longer agree, and cases that are no longer conclusive."""
        agree, share = [], []
        if _fell(before.conclusive, now.conclusive, POINTS):
            share.append(_other("cases in", before.conclusive, now.conclusive, " %"))
        for name, was in before.gradients.items():
            found = now.gradients.get(name)
            if found is None:
                share.append(f"d{name} not at all, it is not returned")
                continue
            if _fell(was.agree, found.agree, DIGITS):
                agree.append(_other(f"d{name}", was.agree, found.agree))
            if _fell(was.conclusive, found.conclusive, POINTS):
                share.append(_other(f"d{name} in", was.conclusive, found.conclusive, " %"))
        if agree:
            yield self._worse("digits", f"clip {clip}: digits that agree: {'; '.join(agree)}")
        if share:
            yield self._worse("conclusive", f"clip {clip}: conclusive: {'; '.join(share)}")

    def kills(self, before: Kills, now: Kills) -> Iterator[Regression]:
        """Return whether fewer mutants are killed: of as many, or by share where code changed."""
        was, share = (100 * each.killed / max(1, each.of) for each in (before, now))
        fewer = now.killed < before.killed if now.of == before.of else _fell(was, share, POINTS)
        if not fewer:
            return
        lost = [name for name in now.survived if name not in before.survived]
        told = f"{now.killed} of {now.of} mutants killed, where it was {before.killed} of"
        yield self._worse("mutants", f"{told} {before.of}; now survive: {', '.join(lost)}")

    def uncounted(self) -> Regression:
        """Return that mutants of the baseline are not counted."""
        return self._worse("mutants", "are in the baseline, but no longer counted")

    def missing(self) -> Regression:
        """Return that a check of the baseline is not made."""
        return self._worse("missing", "is in the baseline, but no longer checked")

    def unknown(self, now: Entry) -> Iterator[Regression]:
        """Return what is wrong of a check that the baseline says nothing of."""
        for clip, figures in now.clips.items():
            if figures.verdict != "match":
                told = f"clip {clip}: {figures.verdict}, and not in the baseline"
                yield self._worse("verdict", told)

    def _worse(self, kind: str, text: str) -> Regression:
        return Regression(check=self.check, kind=kind, text=text, place=self.place)


def compare(
    before: Baseline, now: Baseline, *, whole: bool, slowdown: float | None = None
) -> list[Regression]:
    """Return everything that is worse than a baseline says.

    Args:
        before: The baseline.
        now: What was found, in the same form.
        whole: Whether all checks of the baseline were to be made.
        slowdown: By which factor a candidate may become slower against the reference; None for any.
    """
    found: list[Regression] = []
    for check, entry in now.checks.items():
        comparer = Comparer(check, entry.place)
        known = before.checks.get(check)
        if known is None:
            found.extend(comparer.unknown(entry))
        else:
            found.extend(comparer.entry(known, entry, slowdown))
    if whole:
        found.extend(
            Comparer(check).missing() for check in before.checks if check not in now.checks
        )
    for name, kills in before.mutants.items():
        if name in now.mutants:
            found.extend(Comparer(name).kills(kills, now.mutants[name]))
        elif whole and (name in now.checks or name not in before.checks):
            found.append(Comparer(name).uncounted())
    return found


def is_known(before: Baseline, report: Report) -> bool:
    """Whether a report is no match, and no worse than a baseline says."""
    entry = before.checks.get(check_of(report))
    figures = entry.clips.get(report.clip) if entry else None
    order = VERDICT_KINDS.index
    return not report.ok and figures is not None and order(report.verdict) <= order(figures.verdict)


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return a note for each version that is not the baseline's."""
    return [
        f"{name} {now[name]}; the baseline was made with {before[name]}"
        for name in now
        if name in before and now[name] != before[name]
    ]


def others(before: Baseline, now: Baseline) -> Iterator[str]:
    """Return a note for what is new, or better than a baseline says, or as bad."""
    for check, entry in now.checks.items():
        known = before.checks.get(check)
        if known is None:
            yield f"{check}: is not in the baseline; --update adds it"
            continue
        for clip, figures in entry.clips.items():
            was = known.clips[clip].verdict if clip in known.clips else "match"
            if was != "match" and figures.verdict == "match":
                yield f"{check}: clip {clip}: match, before {was}; --update keeps it so"
            elif was != "match":
                yield f"{check}: clip {clip}: {figures.verdict}, and {was} in the baseline"


def _failed_early(now: Entry) -> bool:
    """Whether a run ended before all its cases, which its verdict tells."""
    ends = ("invalid", "nondeterministic")
    return any(figures.verdict in ends for figures in now.clips.values())


def _grew(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return False
    return now > TIMES * max(before, ORDINARY)


def _fell(before: float | None, now: float | None, much: float) -> bool:
    """Whether a figure fell by more than so much, what no longer exists being nothing."""
    if before is None:
        return False
    return round(before - (now or 0.0), 6) > much


def _other(what: str, before: float | None, now: float | None, unit: str = "") -> str:
    return f"{what} {_said(now, unit)}, before {_said(before, unit)}"


def _said(figure: float | None, unit: str = "") -> str:
    return "none" if figure is None else f"{figure:g}{unit}"
