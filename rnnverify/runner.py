"""verify: many cases, one candidate, a report.

All cases are run, whatever their verdicts, so that reports count the same number; then, if one
failed, the failure is shrunk, once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import strategies as st

from rnnverify.builtin import find_system
from rnnverify.checker import check, check_under
from rnnverify.describing import describe, first_wrong_step
from rnnverify.drawing import explore, smallest
from rnnverify.errors import UsageError
from rnnverify.evaluation import prepare
from rnnverify.records import (
    Candidate,
    Case,
    Clip,
    Failure,
    Report,
    Truncation,
    Verdict,
    VerdictKind,
)
from rnnverify.sources import Generated, Sizes, Source
from rnnverify.strategies import cases as case_strategy
from rnnverify.systems import System
from rnnverify.tallying import Tally

NOT_AGAIN = "; it did not fail when it was run again"
BATCH = 2000
"""Cases in one run of Hypothesis, which keeps what it has seen."""


def verify(
    candidate: Candidate,
    system: str | System,
    *,
    clip: str | Clip = "none",
    dtype: str = "float64",
    cases: int = 200,
    seed: int = 0,
    lengths: bool = False,
    truncate: str | int | Truncation | None = None,
) -> Report:
    """Verify gradient code on generated cases.

    Args:
        candidate: Takes a Case, returns a mapping from array names to gradients.
        system: A built-in system, or its name.
        clip: How the candidate clips its gradients, such as ``"value:5"``; a kind without a number
            has thresholds drawn from each case.
        dtype: The dtype of the cases, in which the candidate computes.
        cases: How many cases to run.
        seed: The same seed gives the same cases.
        lengths: Whether the sequences of a batch have lengths of their own: ``case["lengths"]``.
        truncate: How far back losses are propagated: 5 steps, say, or ``"chunks:5"``.

    Returns:
        The report; ``report.ok`` says whether every gradient matched.

    Raises:
        UsageError: if an argument is not what it should be.
    """
    run = Run(
        candidate=candidate,
        name=getattr(candidate, "__qualname__", type(candidate).__name__),
        system=find_system(system),
        clips=(Clip.parse(clip) if isinstance(clip, str) else clip,),
        dtype=dtype,
        cases=cases,
        seed=seed,
        lengths=lengths,
        truncation=Truncation.parse(truncate),
    )
    (report,) = run.reports()
    return report


def largest_in_each(buckets: Sequence[Mapping[str, int]], sizes: Sizes) -> list[dict[str, int]]:
    """Return the largest dims that fit in each bucket, as far as they can, and those of all."""
    return [
        {axis: max(low, min(high, bucket.get(axis, high))) for axis, (low, high) in sizes.items()}
        for bucket in (*buckets, {})
    ]


class _Batch(NamedTuple):
    """One run of Hypothesis."""

    seed: int
    cases: int


@dataclass
class _Watch:
    """What is kept of the cases under one clip: figures, and the first verdict of each kind."""

    clip: Clip
    tally: Tally = field(default_factory=Tally)
    first: dict[VerdictKind, tuple[_Batch, Verdict]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: everything that settles which cases a candidate sees, under which clips.

    Attributes:
        candidate: The gradient code under test.
        name: What reports call it.
        system: The system.
        clips: Each case is visited once under each.
        dtype: The dtype of the cases.
        cases: How many cases to run.
        seed: The same seed gives the same cases.
        source: Where their sequences come from.
        lengths: Whether the sequences of a batch have lengths of their own.
        truncation: How far back losses are propagated.
        replay: Gives the command that shows a failure under a clip again.

    Raises:
        UsageError: if there are too few cases, the seed is negative, the dtype is unknown, or what
            is asked for does not go together.
    """

    candidate: Candidate
    name: str
    system: System
    clips: tuple[Clip, ...]
    dtype: str
    cases: int
    seed: int
    source: Source = field(default_factory=Generated)
    lengths: bool = False
    truncation: Truncation | None = None
    replay: Callable[[Clip], str] | None = None

    def __post_init__(self) -> None:
        if self.cases < 1:
            message = f"cases: {self.cases} is too few; at least 1 is needed"
            raise UsageError(message)
        if self.seed < 0:
            message = f"seed: {self.seed} is negative; it must be 0 or more"
            raise UsageError(message)
        _ = self._strategy
        longest = self.source.sizes(self.system)["T"][1]
        if self.truncation and not self.truncation.since(longest).any():
            message = (
                f"truncate: {self.truncation} cuts nothing in sequences of {longest} steps, the "
                "longest that are generated; ask for fewer"
            )
            raise UsageError(message)

    def prepare(self) -> None:
        """Begin to compile in the background."""
        system = self.system.with_lengths if self.lengths else self.system
        dims = largest_in_each(system.buckets, self.source.sizes(system))
        prepare(system, dims, self.clips, truncated=self.truncation is not None)

    def reports(self, visited: Callable[[], None] = lambda: None) -> list[Report]:
        """Run all cases, and return one report a clip.

        Args:
            visited: Is called after every case.
        """
        self.prepare()
        watches = [_Watch(clip) for clip in self.clips]
        for batch in self._batches:

            def visit(case: Case, batch: _Batch = batch) -> None:
                verdicts = check_under(self.clips, case, self.candidate)
                for watch, verdict in zip(watches, verdicts, strict=True):
                    watch.tally.add(verdict)
                    watch.first.setdefault(verdict.kind, (batch, verdict))
                visited()

            explore(self._strategy, visit, seed=batch.seed, cases=batch.cases)
        return [self._report(watch) for watch in watches]

    @property
    def _strategy(self) -> st.SearchStrategy[Case]:
        return case_strategy(
            self.system,
            dtype=self.dtype,
            source=self.source,
            lengths=self.lengths,
            truncate=self.truncation,
        )

    @property
    def _batches(self) -> list[_Batch]:
        starts = range(0, self.cases, BATCH)
        return [
            _Batch(seed=(self.seed << 32) + i, cases=min(BATCH, self.cases - start))
            for i, start in enumerate(starts)
        ]

    def _report(self, watch: _Watch) -> Report:
        tally = watch.tally
        return Report(
            system=self.system.name,
            candidate=self.name,
            input=self.source.kind,
            clip=str(watch.clip),
            truncate=str(self.truncation) if self.truncation else None,
            lengths=self.lengths,
            dtype=self.dtype,
            seed=self.seed,
            cases=tally.cases,
            verdict=tally.verdict,
            counts=dict(sorted(tally.counts.items())),
            clip_active=tally.active / tally.cases,
            regimes=dict(sorted(tally.regimes.items())),
            gradients=tally.gradients,
            weak=tally.weak,
            unchecked=tally.unchecked,
            notes=(*tally.notes, *self._hidden(watch.clip)),
            failure=self._failure(watch),
        )

    def _hidden(self, clip: Clip) -> tuple[str, ...]:
        if any(each.kind == "none" for each in self.clips):
            return ()
        return (f"only checked under a clip, and {clip} hides every bug beyond it; add clip none",)

    def _failure(self, watch: _Watch) -> Failure | None:
        kind = watch.tally.verdict
        if kind in ("match", "inconclusive"):
            return None
        batch, verdict = watch.first[kind]

        def fails(case: Case) -> bool:
            return check(case.replace(clip=watch.clip), self.candidate).kind == kind

        case = smallest(self._strategy, fails, seed=batch.seed, cases=batch.cases)
        replay = self._replay(watch.clip)
        again = None if case is None else check(case.replace(clip=watch.clip), self.candidate)
        if again is None or again.kind != kind:
            return describe(verdict, replay, None, NOT_AGAIN)
        return describe(again, replay, first_wrong_step(again.case, self.candidate))

    def _replay(self, clip: Clip) -> str:
        if self.replay is not None:
            return self.replay(clip)
        given = {
            "clip": str(clip),
            "dtype": self.dtype,
            "cases": self.cases,
            "seed": self.seed,
            **({"lengths": True} if self.lengths else {}),
            **({"truncate": str(self.truncation)} if self.truncation else {}),
        }
        words = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"rnnverify.verify({self.name}, {self.system.name!r}, {words})"
