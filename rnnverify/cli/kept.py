"""Kept cases: those of a corpus are replayed first, and what fails is kept there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rnnverify.cli.planning import Check
from rnnverify.cli.running import words_of
from rnnverify.cli.supervising import Told
from rnnverify.errors import UsageError
from rnnverify.results import Place, Regression, Report
from rnnverify.verdicts import VerdictKind

if TYPE_CHECKING:
    from rnnverify.corpora.folders import Kept
    from rnnverify.gating.baselines import Baseline
    from rnnverify.systems import System


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of a kept case.

    Attributes:
        file: The file's name in the corpus.
        check: Which check it was replayed in.
        verdict: What was found.
        text: What is wrong.
        place: Where the candidate is defined.
    """

    file: str
    check: str
    verdict: VerdictKind
    text: str
    place: Place | None = field(default=None, repr=False)

    @property
    def fails(self) -> bool:
        """Whether the candidate is not what it should be."""
        return self.verdict not in ("match", "inconclusive")

    def is_worse_than(self, baseline: "Baseline") -> bool:
        """Whether it fails, and the baseline does not say that its candidate does."""
        known = baseline.checks.get(self.check)
        failing = known is not None and any(f.verdict != "match" for f in known.clips.values())
        return self.fails and not failing

    @property
    def regression(self) -> Regression:
        """The same, as what is worse than a baseline."""
        text = f"kept case {self.file}: {self.verdict}: {self.text}"
        return Regression(check=self.check, kind="corpus", text=text, place=self.place)


def replayed(checks: Sequence[Check], corpus: Path | None, told: Told | None) -> list[Replayed]:
    """Replay the cases of a corpus in every check that they apply to.

    Args:
        checks: What is to be checked.
        corpus: The folder; nothing is replayed if there is none.
        told: Whom to tell what is replayed, where there is a supervisor.

    Raises:
        UsageError: if a file of it is not what it should be; nothing is replayed then.
    """
    from rnnverify.corpora.folders import read

    if corpus is None or not corpus.exists():
        return []
    systems = _systems(checks)
    kept = read(corpus, systems, only=systems)
    return [each for check in checks for each in _in(check, kept, told)]


def _in(check: Check, kept: Sequence["Kept"], told: Told | None) -> Iterator[Replayed]:
    from rnnverify.corpora.replaying import applies, replay
    from rnnverify.defining import place_of

    if told is not None:
        told.words(words_of(check.run))
    for each in kept:
        if applies(each, check.run):
            verdict = replay(each, check.run)
            yield Replayed(
                file=each.file.name,
                check=check.name,
                verdict=verdict.kind,
                text=verdict.text,
                place=place_of(check.run.candidate),
            )
            if verdict.hung:
                return


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
    if not holds(corpus, stored):
        yield f"{report.system}: the failing case is kept as {add(corpus, stored).name}"
