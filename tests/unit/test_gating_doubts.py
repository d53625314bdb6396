"""What is worse than a baseline, at the edges: doubts, regimes, times, files."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rnnverify.drawing import explore
from rnnverify.errors import UsageError
from rnnverify.gating import baseline_files, doubts, exploring, pacing
from rnnverify.gating.baseline_files import read_baseline, write_baseline
from rnnverify.gating.baselines import Baseline, Entry, Figures, Kills, entries_of
from rnnverify.gating.regressions import compare
from rnnverify.results import Regression, Report
from rnnverify.runs import Run, make_run
from rnnverify.verdicts import VerdictKind
from tests.made_reports import PLACE, matching, summarised, wrong

CLIPS: dict[str, VerdictKind] = {"none": "match", "value:5": "wrong"}


def entry(verdict: VerdictKind = "match", **changes: Any) -> Entry:
    """Return what is known of a check without gradients."""
    figures = Figures(verdict=verdict, conclusive=90.0, active=0.0, gradients={})
    values = {"cases": 12, "seed": 0, "regimes": (), "clips": {"none": figures}}
    return Entry(**values | changes)  # type: ignore[arg-type]


def of(known: Entry) -> Baseline:
    """Return a baseline of one check."""
    return Baseline(checks={"check": known})


def some_run(**changes: Any) -> Run:
    """Return a run of nothing, which is not run."""
    given = {"name": "x", "clips": ["none"], "dtype": "float64", "cases": 12, "seed": 2}
    return make_run(lambda _case: {}, "char_rnn", **given | changes)  # type: ignore[arg-type]


def looks_worse(kind: str) -> Regression:
    """Return a regression of the one check."""
    return Regression(check="check", kind=kind, text=kind, place=None)


# What is worse


@pytest.mark.parametrize("verdict", ["inconclusive", "inaccurate", "scaled", "invalid"])
def test_a_new_check_is_held_to_a_match(verdict: VerdictKind) -> None:
    """Anything else is a regression, and not only a wrong gradient."""
    found = compare(Baseline(checks={}), of(entry(verdict)), whole=True)

    assert [each.kind for each in found] == ["verdict"]


def test_a_wrong_gradient_does_not_excuse_a_smaller_check() -> None:
    """Only a run that ended early does."""
    found = compare(of(entry()), of(entry("wrong", cases=1)), whole=True)

    assert [each.kind for each in found] == ["cases", "verdict"]


def test_a_new_clip_of_a_known_check_is_held_to_a_match() -> None:
    """As a new check is."""
    figures = {clip: entry(kind).clips["none"] for clip, kind in CLIPS.items()}
    found = compare(of(entry()), of(entry(clips=figures)), whole=True)

    assert [each.kind for each in found] == ["verdict"]


def test_a_regression_points_at_the_candidate() -> None:
    """Where reports know its place, for annotations."""
    before, now = (
        Baseline(checks=entries_of([matching(gradients={"by": summarised(worst=worst)})]))
        for worst in (0.1, 3.0)
    )
    (found,) = compare(before, now, whole=True)

    assert (found.kind, found.place) == ("accuracy", PLACE)


# Doubts


@pytest.mark.parametrize("kind", ["verdict", "cases", "missing", "speed", "mutants"])
@pytest.mark.parametrize("beside", [(), ("accuracy",)])
def test_another_seed_excuses_no_failure(
    monkeypatch: pytest.MonkeyPatch, kind: str, beside: Sequence[str]
) -> None:
    """What is no matter of chance stays, whatever else is asked again."""
    monkeypatch.setattr(doubts, "_asked_again", lambda *_: [])
    worse = [looks_worse(each) for each in (kind, *beside)]
    found = doubts.upheld(worse, {"check": some_run()}, of(entry(seed=1)))

    assert [each.kind for each in found] == [kind]


def test_a_doubt_is_settled_on_the_baselines_own_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, of its seed."""
    asked: list[tuple[int, int]] = []

    def execute(again: Run) -> list[Report]:
        asked.append((again.seed, again.cases))
        return [matching()]

    monkeypatch.setattr(doubts, "execute", execute)
    before = of(entry(seed=1, cases=40))

    assert doubts.upheld([looks_worse("accuracy")], {"check": some_run()}, before) == []
    assert asked == [(1, 40)]


def test_what_fails_when_it_is_asked_again_is_a_regression(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong gradient that only the baseline's own cases show was seen, and is told."""
    monkeypatch.setattr(doubts, "execute", lambda _run: [wrong()])
    before = of(entry(seed=1, cases=8))
    found = doubts.upheld([looks_worse("inconclusive")], {"check": some_run()}, before)

    assert [each.kind for each in found] == ["verdict"]


def test_a_regime_is_gone_if_no_further_case_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few cases miss some by chance."""
    monkeypatch.setattr(doubts, "FEWEST", 60)
    made, drawn = some_run(cases=3), list[set[str]]()
    explore(made.strategy, lambda c: drawn.append({*c.regimes}), seed=2 << 32, cases=60)
    rare = tuple(sorted(set[str]().union(*drawn) - set[str]().union(*drawn[:3])))
    worse, runs = [looks_worse("regime")], {"check": made}

    assert rare
    assert doubts.upheld(worse, runs, of(entry(seed=2, regimes=rare))) == []
    (found,) = doubts.upheld(worse, runs, of(entry(seed=2, regimes=(*rare, "unheard of"))))
    assert found.text == "no longer covered: unheard of"


# Times


def test_the_quickest_call_counts() -> None:
    """What delays one call is not the candidate."""
    delays = iter([0.0, 0.05, 0.0, 0.05, 0.05])

    assert pacing._quickest(lambda: time.sleep(next(delays))) < 0.04


def test_a_failure_under_one_clip_is_enough_to_stop_exploring_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would be found again with every seed."""
    monkeypatch.setattr(exploring, "execute", lambda *_: [matching(), wrong(clip="value")])
    no = {"begun": lambda _run: None, "visited": lambda _run: None}

    assert len(list(exploring.exploring([some_run()], seconds=0.2, seed=0, **no))) == 1


# Baselines as files


def test_a_baseline_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written whole, or not at all."""
    write_baseline(tmp_path / "b.json", of(entry()))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="cannot write"):
        write_baseline(tmp_path / "b.json", of(entry("wrong")))

    assert read_baseline(tmp_path / "b.json") == of(entry())


def test_the_order_of_mutants_does_not_matter(tmp_path: Path) -> None:
    """The same baseline gives the same bytes."""
    kills, texts = {"a": Kills(killed=1, of=1), "b": Kills(killed=2, of=2)}, set()
    for mutants in (kills, dict(reversed(list(kills.items())))):
        write_baseline(tmp_path / "b.json", Baseline(checks={}, mutants=mutants))
        texts.add((tmp_path / "b.json").read_bytes())

    assert len(texts) == 1


def test_what_is_endless_or_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device is no file, and no baseline is so large."""
    with pytest.raises(UsageError, match="it is no plain file"):
        read_baseline("/dev/null")
    write_baseline(tmp_path / "b.json", of(entry()))
    monkeypatch.setattr(baseline_files, "LARGEST", 20)
    with pytest.raises(UsageError, match="more than 20 bytes"):
        read_baseline(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"cases": 12', '"cases": 1e999'),
        ('"cases": 12', f'"cases": {"1" * 5000}'),
        ('"conclusive": 90.0', '"conclusive": NaN'),
    ],
)
def test_numbers_that_no_baseline_has_are_refused(tmp_path: Path, old: str, new: str) -> None:
    """With a message; and nothing could ever be worse than NaN."""
    write_baseline(tmp_path / "b.json", of(entry()))
    text = (tmp_path / "b.json").read_text()
    (tmp_path / "b.json").write_text(text.replace(old, new))

    assert old in text
    with pytest.raises(UsageError, match="damaged"):
        read_baseline(tmp_path / "b.json")
