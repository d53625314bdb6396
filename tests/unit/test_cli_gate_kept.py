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
from rnnverify.gating.baselines import Baseline
from rnnverify.results import Regression
from rnnverify.storage import save_case
from rnnverify.verdicts import Verdict, VerdictKind
from tests import gates
from tests.commands import document
from tests.gates import BASE, edit, gate, known, made, options
from tests.made_reports import REGRESSION, failure, wrong
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


def replayed(verdict: VerdictKind, check: str = "check") -> Replayed:
    """Return what became of a kept case."""
    return Replayed(file="old.npz", check=check, verdict=verdict, text="as ever")


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
        ({"kept": [replayed("wrong")]}, 1),
        ({"kept": [replayed("invalid")]}, 2),
        ({"reports": [wrong()], "interrupted": True}, 1),
        ({"reports": [wrong(verdict="invalid")]}, 2),
    ],
)
def test_exploring_ends_with_what_was_found(found: dict[str, Any], code: int) -> None:
    """Failures, or invalid candidates, be it in kept cases; or else whether it came to its end."""
    assert Explored(**{"seed": 0, "kept": [], **found}).code == code


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
    verdict = Regression(check="check", kind="verdict", text="told twice", place=None)
    pages: list[Any] = []

    def html(_reports: Any, regressions: Any, **_: Any) -> str:
        pages.extend(regressions)
        return ""

    monkeypatch.setattr("rnnverify.reports.html.html", html)
    files: dict[str, Any] = {name: str(tmp_path / name) for name in ("junit", "markdown", "html")}
    publish(replace(BASE, annotate=False, **files), {}, [wrong()], [REGRESSION, verdict])
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
