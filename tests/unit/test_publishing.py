"""Publishing: ``verify`` and ``gate`` write their reports in every form that is asked for."""

import re
from importlib.util import find_spec
from pathlib import Path

import junitparser
import pytest

from tests.commands import run, verify


@pytest.fixture(autouse=True)
def _no_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as at home, even in GitHub Actions."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def test_all_forms_are_of_the_same_reports(folder: Path) -> None:
    """One run writes them all, beside the terminal's."""
    words = ("--junit", "a.xml", "--markdown", "a.md", "--html", "a.html", "--json", "a.json")
    result = verify("sign", *words)

    assert result.exit_code == 1
    suites = junitparser.JUnitXml.fromfile(str(folder / "a.xml"))
    assert (suites.tests, suites.failures) == (1, 1)
    assert "dWhh" in (folder / "a.md").read_text()
    page = (folder / "a.html").read_text()
    assert "dWhh" in page
    assert "heat map" in page.lower() or "<svg" in page or "<img" in page
    assert "WRONG" in result.stdout


@pytest.mark.usefixtures("folder")
def test_a_form_on_standard_output_is_alone_there() -> None:
    """As the JSON is."""
    result = verify("shouting", "--markdown", "-")

    assert "what it likes" not in result.stdout
    assert result.stdout.startswith("#")
    assert "what it likes" in result.stderr


@pytest.mark.usefixtures("folder")
def test_annotations_are_printed_in_github_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """They point at the candidate's file and line; elsewhere they are asked for."""
    found = ["::error" in verify("sign", *words).output for words in ((), ("--annotate",))]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    there = verify("sign")
    silenced = verify("sign", "--no-annotate")

    assert found == [False, True]
    assert re.search(r"^::error file=my_rnn\.py,line=\d+,", there.stdout, re.MULTILINE)
    assert "::error" not in silenced.output


@pytest.mark.usefixtures("folder")
def test_annotations_do_not_disturb_what_is_on_standard_output() -> None:
    """They go to standard error then."""
    result = verify("sign", "--annotate", "--json", "-")

    assert "::error" not in result.stdout
    assert "::error" in result.stderr


@pytest.mark.parametrize("option", ["--json", "--junit", "--markdown", "--html"])
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_written_is_told_before_anything_is_run(option: str) -> None:
    """It names the option."""
    result = verify("sign", option, "nowhere/file")

    assert result.exit_code == 2
    assert f"{option}: cannot write" in result.stderr


@pytest.mark.usefixtures("folder")
def test_only_one_form_goes_to_standard_output() -> None:
    """Two would be neither."""
    result = verify("sign", "--json", "-", "--markdown", "-")

    assert result.exit_code == 2
    assert "--json and --markdown: only one can go to standard output" in result.stderr


@pytest.mark.usefixtures("folder")
def test_without_the_libraries_a_page_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setattr(
        "rnnverify.cli.publishing.find_spec",
        lambda name: None if name == "matplotlib" else find_spec(name),
    )
    result = run("verify", "--html", "a.html")

    assert result.exit_code == 2
    assert "pip install 'rnnverify[html]'" in result.stderr
