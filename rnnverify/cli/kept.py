"""Kept cases: those of a corpus are replayed first, and what fails is kept there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rnnverify.cli.planning import Check
from rnnverify.cli.running import words_of
from rnnverify.cli.telling import Told
from rnnverify.defining import shown
from rnnverify.errors import UsageError
from rnnverify.results import Place, Regression, Report
from rnnverify.verdicts import VERDICT_KINDS, VerdictKind

if TYPE_CHECKING:
    from rnnverify.corpora.folders import Kept
    from rnnverify.gating.baselines import Baseline
    from rnnverify.systems import System

SHOWN = 3
"""Files that are named, where there are more."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of a kept case.

    Attributes:
        file: The file's name in the corpus.
        check: Which check it was replayed in.
        clip: The clip under which it was.
        verdict: What was found.
        text: What is wrong.
        place: Where the candidate is defined.
    """

    file: str
    check: str
    clip: str
    verdict: VerdictKind
    text: str
    place: Place | None = field(default=None, repr=False)

    @property
    def fails(self) -> bool:
        """Whether the candidate is not what it should be."""
        return self.verdict not in ("match", "inconclusive")

    def is_worse_than(self, baseline: "Baseline") -> bool:
        """Whether it fails worse than its check does in the baseline, under a clip of its kind."""
        entry = baseline.checks.get(self.check)
        alike = [
            figures.verdict
            for clip, figures in (entry.clips if entry else {}).items()
            if clip.partition(":")[0] == self.clip.partition(":")[0]
        ]
        known = max(map(VERDICT_KINDS.index, alike), default=0)
        return self.fails and VERDICT_KINDS.index(self.verdict) > known

    @property
    def regression(self) -> Regression:
        """The same, as what is worse than a baseline."""
        return Regression(check=self.check, kind="corpus", text=self.told, place=self.place)

    @property
    def told(self) -> str:
        """The same in a sentence."""
        return f"kept case {self.file}: {self.verdict}: {self.text}"


def kept_cases(checks: Sequence[Check], corpus: Path | None) -> "list[Kept]":
    """Return the cases of a corpus that are of a system which is checked.

    Raises:
        UsageError: if a file of it is not what it should be.
    """
    from rnnverify.corpora.folders import read

    if corpus is None or not corpus.exists():
        return []
    systems = _systems(checks)
    return read(corpus, systems, only=systems)


def replayed(
    checks: Sequence[Check], kept: "Sequence[Kept]", told: Told | None
) -> Iterator[Replayed]:
    """Replay kept cases in every check that they apply to.

    Args:
        checks: What is to be checked.
        kept: The cases.
        told: Whom to tell what is replayed, where there is a supervisor.
    """
    for check in checks:
        if told is not None:
            told.words(words_of(check.run))
        yield from _in(check, kept)


def _in(check: Check, kept: "Sequence[Kept]") -> Iterator[Replayed]:
    from rnnverify.corpora.replaying import applies, replay
    from rnnverify.defining import place_of

    for each in kept:
        if applies(each, check.run):
            verdict = replay(each, check.run)
            yield Replayed(
                file=each.file.name,
                check=check.name,
                clip=str(verdict.case.clip),
                verdict=verdict.kind,
                text=verdict.text,
                place=place_of(check.run.candidate),
            )
            if verdict.hung:
                return


def told_of_corpus(corpus: Path | None, cases: Sequence[Replayed]) -> Iterator[str]:
    """Return a note of how many cases were replayed, and which apply to no check."""
    from rnnverify.corpora.folders import files

    if corpus is None:
        return
    if not corpus.exists():
        yield f"there is no folder {shown(str(corpus))} yet; it is made when a case fails"
        return
    names = [file.name for file in files(corpus)]
    idle = [name for name in names if name not in {case.file for case in cases}]
    more = f" and {len(idle) - SHOWN} more" if len(idle) > SHOWN else ""
    apart = f"; {', '.join(idle[:SHOWN])}{more} apply to no check" if idle else ""
    yield f"{len(names) - len(idle)} of {len(names)} kept cases replayed{apart}"


def _systems(checks: Sequence[Check]) -> dict[str, "System"]:
    """Return the systems that are checked, by name.

    Raises:
        UsageError: if two of them have one name.
    """
    systems: dict[str, System] = {}
    for check in checks:
        system = check.run.system
        if systems.setdefault(system.name, system) is not system:
            message = f"--corpus: two systems are called {system.name!r}; rename one"
            raise UsageError(message)
    return systems


def keep_failures(reports: Sequence[Report], corpus: Path | None) -> list[str]:
    """Keep the cases of failures in a corpus; return a note for each that is new there."""
    if corpus is None:
        return []
    return [note for report in reports for note in _keep(report, corpus)]


def _keep(report: Report, corpus: Path) -> Iterator[str]:
    from rnnverify.corpora.folders import add, holds
    from rnnverify.storage import Stored

    failure = report.failure
    if failure is None or not failure.verdict.case or failure.verdict.hung:
        return
    terms = {n: v for n, v in report.options.items() if n in ("gradients", "scale", "digits")}
    verdict = failure.verdict
    stored = Stored(
        case=verdict.case, candidate=report.candidate, message=verdict.text, terms=terms
    )
    try:
        if not holds(corpus, stored):
            yield f"{report.system}: the failing case is kept as {add(corpus, stored).name}"
    except UsageError as error:  # what was found out is not lost for that
        yield f"{report.system}: the failing case could not be kept: {error}"
