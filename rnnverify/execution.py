"""Execution: a run's cases, one after the other, and what is kept of them.

Only a candidate that hangs, or that gives other results for the same case, is given up early:
nothing it does later would mean anything.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from rnnverify.checker import check_under
from rnnverify.defining import place_of
from rnnverify.errors import PassedOnError
from rnnverify.hygiene import CHECKS, Finding, not_repeatable, not_zero_for_zero
from rnnverify.programs import unknown_primitives
from rnnverify.records import Case, Clip
from rnnverify.results import Report
from rnnverify.runs import Batch, Run
from rnnverify.tallying import Tally
from rnnverify.verdicts import Verdict, VerdictKind

KEPT = 100
"""Verdicts that are kept, of whatever kind."""
FAILING = 12
"""Failing ones that are kept, however late they come."""
EXAMINED = 3
"""Cases on which a candidate is called again and again, to see whether it repeats itself."""


class Watch:
    """What is kept of the cases under one clip: figures, the first verdict of each kind, and more.

    Beside the first of a kind stand its batch, and how many cases were drawn from it before. The
    first verdicts of all are kept to find out from what the failing ones have in common.
    """

    def __init__(self, clip: Clip, axes: Mapping[str, str], *, detailed: bool = False) -> None:
        self.clip = clip
        self.tally = Tally(axes, detailed=detailed)
        self.first: dict[VerdictKind, tuple[Batch, int, Verdict]] = {}
        self.kept: list[Verdict] = []

    @property
    def first_failed(self) -> int | None:
        """The number of the first case that failed; None if none did."""
        failed = [
            batch.start + before + 1
            for batch, before, verdict in self.first.values()
            if verdict.failed
        ]
        return min(failed, default=None)

    def add(self, batch: Batch, before: int, verdict: Verdict) -> None:
        """Count a verdict, and keep it if it is the first of its kind."""
        self.tally.add(verdict)
        self.first.setdefault(verdict.kind, (batch, before, verdict))
        rare = verdict.failed and self.tally.failed <= FAILING
        if rare or len(self.kept) < KEPT:
            self.kept.append(verdict)


@dataclass
class Execution:
    """The candidate's calls, and what is found out about how it behaves."""

    run: Run
    enough: int | None = None
    watches: list[Watch] = field(init=False)
    stopped: bool = False
    examined: int = 0
    silenced: bool = False
    findings: dict[str, Finding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        run = self.run
        axes, detailed = run.system.dims, run.detailed
        self.watches = [Watch(clip, axes, detailed=detailed) for clip in run.clips]

    @property
    def has_failed_enough(self) -> bool:
        """Whether so many cases have failed that no more are wanted."""
        if self.enough is None:
            return False
        return max(watch.tally.failed for watch in self.watches) >= self.enough

    def visit(self, batch: Batch, before: int, case: Case) -> list[Verdict]:
        """Check one case under every clip, unless the candidate has been given up.

        Args:
            batch: Where the case is drawn from.
            before: How many were drawn from it before.
            case: The case.
        """
        if self.stopped:
            return []
        verdicts = check_under(self.run.clips, case, self.run.candidate, self.run.terms)
        self.stopped = any(verdict.hung for verdict in verdicts)
        if all(verdict.kind != "invalid" for verdict in verdicts):
            verdicts = self._examined(case, verdicts)
        for watch, verdict in zip(self.watches, verdicts, strict=False):
            watch.add(batch, before, verdict)
        return verdicts

    def _examined(self, case: Case, verdicts: list[Verdict]) -> list[Verdict]:
        """Look at how the candidate behaves; return the verdicts, or that it does not last."""
        run, clip = self.run, self.run.clips[0]
        if self.examined < EXAMINED:
            self.examined += 1
            finding = not_repeatable(case, clip, run.candidate, run.terms)
            if finding is not None:
                self.stopped = True
                self.findings[finding.check] = finding
                return [finding.verdict for _ in verdicts]
        if self.can_be_silenced and not self.silenced:
            self.silenced = True
            finding = None
            with suppress(PassedOnError):  # that case is ours, and no test runner's
                finding = not_zero_for_zero(case, clip, run.candidate, run.terms)
            if finding is not None:
                self.findings[finding.check] = finding
                self.stopped = finding.verdict.hung
        return verdicts

    def hygiene(self, watch: Watch) -> dict[str, str]:
        """Return what each hygiene check says."""
        judged = any(watch.tally.counts[kind] for kind in watch.tally.counts if kind != "invalid")
        done = {
            "repeatable": self.examined > 0,
            "inputs_unmodified": judged,
            "own_memory": judged,
            "zero_upstream": self.silenced,
        }
        said: dict[str, str] = {name: "ok" if done[name] else "not checked" for name in CHECKS}
        said |= {name: finding.verdict.text for name, finding in self.findings.items()}
        *_, invalid = watch.first.get("invalid", (None,))
        return said | ({invalid.breach: invalid.message} if invalid and invalid.breach else {})

    @property
    def can_be_silenced(self) -> bool:
        """Whether there is an upstream gradient that can be set to zero."""
        linear = self.run.system.linear
        return bool(linear) and set(linear).isdisjoint(self.run.fixed or {})

    def report(self, watch: Watch) -> Report:
        """Return the figures of the cases under one clip, with no failure described."""
        run, tally = self.run, watch.tally
        return Report(
            system=run.system.name,
            candidate=run.name,
            input=run.source.kind,
            clip=str(watch.clip),
            truncate=str(run.truncation) if run.truncation else None,
            lengths=run.lengths,
            dtype=run.dtype,
            seed=run.seed,
            cases=tally.cases,
            verdict=tally.verdict,
            counts=dict(sorted(tally.counts.items())),
            clip_active=tally.active / max(1, tally.cases),
            regimes=dict(sorted(tally.regimes.items())),
            gradients=tally.gradients,
            weak=tally.weak,
            unchecked=tally.unchecked,
            notes=(*tally.notes, *self._notes(watch)),
            options=run.options,
            hygiene=self.hygiene(watch),
            first_failed=watch.first_failed,
            scaled_by=tally.scaled_by if tally.verdict == "scaled" else None,
            place=place_of(run.candidate),
            details=tally.details,
        )

    def _notes(self, watch: Watch) -> Iterator[str]:
        clip = watch.clip
        if all(each.kind != "none" for each in self.run.clips):
            yield f"only checked under a clip, and {clip} hides every bug beyond it; add clip none"
        if clip.kind != "none" and not watch.tally.active:
            yield (
                f"clip {clip} changed no gradient; {clip.kind} without a number has thresholds "
                "drawn from each case"
            )
        if unknown := unknown_primitives(self.run.system):
            yield f"no rounding rule for {', '.join(unknown)}: got noise all the same"
