"""``rnnverify gate`` at the edges: kept cases, exploring, and where results go."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnnverify.cli import kept, nightly
from rnnverify.cli.kept import Replayed
from rnnverify.cli.nightly import Explored
from rnnverify.cli.publishing import publish
from rnnverify.corpora.folders import read
from rnnverify.errors import UsageError
from rnnverify.gating.baselines import Baseline, check_of
from rnnverify.results import Regression
from rnnverify.storage import save_case
from rnnverify.verdicts import Verdict, VerdictKind
from tests import gates
from tests.commands import document
from tests.gates import BASE, edit, gate, known, made, options
from tests.gates import WRONG as WRONG_CODE
from tests.made_reports import REGRESSION, failure, matching, wrong
from tests.support import char_rnn_case

RARELY_RAISING = """
def gradients(case):
    if case.dims == {"T": 3, "V": 7, "H": 2}:
        raise ValueError("not today")
    return dict(model(case))
"""
LEAVING = """
import os

def gradients(case):
    print("what it likes")
    os.chdir("/")
    return dict(model(case))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with right code and one check, as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return gates.begin(tmp_path)


def replayed(verdict: VerdictKind, check: str = "check", clip: str = "none") -> Replayed:
    """Return what became of a kept case."""
    return Replayed(file="old.npz", check=check, clip=clip, verdict=verdict, text="as ever")


@pytest.mark.parametrize("update", [(), ("--update",)])
def test_a_candidate_that_is_invalid_in_a_kept_case_alone_is_invalid(
    project: Path, update: tuple[str, ...]
) -> None:
    """And no baseline is made of it."""
    made()
    before = (project / "b.json").read_bytes()
    save_case(project / "corpus" / "old.npz", char_rnn_case(T=3, V=7, H=2))
    edit(project, RARELY_RAISING)
    result = gate("--corpus", "corpus", "--cases", "11", *update)

    assert result.exit_code == 2
    assert (document(result)["kept"], document(result)["updated"]) == (False, False)
    assert (project / "b.json").read_bytes() == before


def test_a_kept_case_fails_unless_its_own_check_is_known_to() -> None:
    """Other checks do not excuse it, and what is inconclusive does not fail."""
    before = Baseline(checks={"bad": known("wrong"), "check": known("match")})
    cases = [replayed("wrong"), replayed("wrong", "bad"), replayed("wrong", "new")]

    assert [each.is_worse_than(before) for each in cases] == [True, False, True]
    assert [replayed(kind).fails for kind in ("match", "inconclusive")] == [False, False]


def test_a_failing_case_is_kept_with_its_terms_and_noted_once(tmp_path: Path) -> None:
    """What a candidate was held to belongs to its failure."""
    verdict = Verdict(kind="wrong", case=char_rnn_case(T=2), message="wrong")
    reports = [wrong(failure=failure(verdict=verdict), options={"digits": 5, "dims": {"T": 2}})]
    notes = [kept.keep_failures(reports, tmp_path / "corpus") for _ in range(2)]

    assert [len(each) for each in notes] == [1, 0]
    assert [each.stored.terms for each in read(tmp_path / "corpus")] == [{"digits": 5}]


def test_two_systems_of_one_name_cannot_share_a_corpus() -> None:
    """Whose case it is, only the name tells."""
    systems = [SimpleNamespace(name="cell") for _ in range(2)]
    checks: Any = [SimpleNamespace(run=SimpleNamespace(system=each)) for each in systems]

    assert [*kept._systems([checks[0], checks[0]])] == ["cell"]
    with pytest.raises(UsageError, match="two systems are called 'cell'"):
        kept._systems(checks)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ({}, 0),
        ({"interrupted": True}, 130),
        ({"replayed": [replayed("wrong")]}, 1),
        ({"replayed": [replayed("invalid")]}, 2),
        ({"reports": [wrong()], "interrupted": True}, 1),
        ({"reports": [wrong(verdict="invalid")]}, 2),
    ],
)
def test_exploring_ends_with_what_was_found(found: dict[str, Any], code: int) -> None:
    """Failures, or invalid candidates, be it in kept cases; or else whether it came to its end."""
    assert Explored(**{"seed": 0, **found}).code == code


def test_kept_cases_that_match_are_no_failures_of_exploring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only others are told; an interruption is."""

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    cases = [replayed("match"), replayed("wrong")]
    monkeypatch.setattr(nightly, "replayed", lambda *_: cases)
    monkeypatch.setattr(nightly, "_explore", interrupted)
    found = nightly.explored(options(seed=1), [], None)

    assert (found.kept, found.interrupted) == (cases[1:], True)


def test_what_reports_do_not_tell_is_told_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every form; a verdict, which a report tells, not twice in JUnit XML."""
    failing = wrong()
    verdict = Regression(check=check_of(failing), kind="verdict", text="told twice", place=None)
    pages: list[Any] = []

    def html(_reports: Any, regressions: Any, **_: Any) -> str:
        pages.extend(regressions)
        return ""

    monkeypatch.setattr("rnnverify.reports.html.html", html)
    files: dict[str, Any] = {name: str(tmp_path / name) for name in ("junit", "markdown", "html")}
    both = [REGRESSION, verdict]
    publish(replace(BASE, annotate=False, **files), {}, [failing], regressions=both)
    xml, text = ((tmp_path / name).read_text() for name in ("junit", "markdown"))

    assert REGRESSION.text in xml
    assert "told twice" not in xml
    assert REGRESSION.text in text
    assert pages == [REGRESSION, verdict]


def test_a_candidate_disturbs_neither_the_json_nor_where_files_go(project: Path) -> None:
    """It may print, and change the current folder."""
    edit(project, LEAVING)
    printed = gate("--update", "--junit", "a.xml")

    assert document(printed)["updated"] is True
    assert {path.name for path in project.iterdir()} >= {"b.json", "a.xml"}


@pytest.mark.parametrize(
    ("verdict", "clip", "worse"),
    [
        ("wrong", "none", False),
        ("wrong", "value:0.3", True),
        ("inaccurate", "value:0.3", True),
        ("wrong", "norm:1", True),
        ("nonfinite", "none", True),
        ("inaccurate", "none", False),
    ],
)
def test_a_known_failure_excuses_kept_cases_of_its_clip_only(
    verdict: VerdictKind, clip: str, *, worse: bool
) -> None:
    """What fails in the baseline under one clip may fail so, there."""
    before = Baseline(checks={"check": known("wrong")})
    match = next(iter(known("match").clips.values()))
    clips = {"none": next(iter(before.checks["check"].clips.values())), "value": match}
    before = Baseline(checks={"check": replace(known("wrong"), clips=clips)})

    assert replayed(verdict, clip=clip).is_worse_than(before) is worse


def test_it_is_told_how_many_kept_cases_were_replayed(project: Path) -> None:
    """And which apply to no check; a folder that is not there is no silent success."""
    made()
    nowhere = gate("--corpus", "corpsu")
    save_case(project / "corpus" / "applies.npz", char_rnn_case(T=3, V=7, H=2))
    save_case(project / "corpus" / "other.npz", char_rnn_case(T=3, dtype="float32"))
    told = document(gate("--corpus", "corpus"))["notes"]

    assert "there is no folder corpsu yet; it is made when a case fails" in nowhere.stderr
    assert "1 of 2 kept cases replayed; other.npz apply to no check" in told


def test_what_was_found_is_not_lost_where_a_case_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a note, beside the report."""
    monkeypatch.setattr("rnnverify.corpora.folders.MOST_FILES", 0)
    (tmp_path / "corpus").mkdir()
    verdict = Verdict(kind="wrong", case=char_rnn_case())
    (note,) = kept.keep_failures([wrong(failure=failure(verdict=verdict))], tmp_path / "corpus")

    assert "the failing case could not be kept: corpus:" in note


def test_known_failures_are_no_failures_in_reports(project: Path) -> None:
    """Where the baseline says that they fail, as the exit code does."""
    edit(project, WRONG_CODE)
    made()
    words = ("--junit", "a.xml", "--markdown", "a.md", "--html", "a.html", "--annotate")
    result = gate(*words)

    assert result.exit_code == 0
    assert 'failures="0"' in (project / "a.xml").read_text()
    assert "::error" not in result.stderr
    assert "known" in (project / "a.md").read_text()
    assert "known" in (project / "a.html").read_text()


def test_a_steps_summary_is_added_to(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another command of the step has written there stays."""
    made()
    (project / "summary.md").write_text("# before\n")
    (project / "other.md").write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    for name in ("summary.md", "other.md"):
        gate("--markdown", name)
    texts = [(project / name).read_text() for name in ("summary.md", "other.md")]

    assert [text.startswith("# before\n") for text in texts] == [True, False]
    assert all("rnnverify" in text for text in texts)


def test_a_verdict_on_other_cases_than_the_reports_is_told(tmp_path: Path) -> None:
    """What the baseline's own cases show under another seed stands in no report."""
    report = matching()
    verdict = Regression(check=check_of(report), kind="verdict", text="wrong there", place=None)
    target = tmp_path / "a.xml"
    options = replace(BASE, annotate=False, junit=str(target))
    publish(options, {}, [report], regressions=[verdict])

    assert "wrong there" in target.read_text()
