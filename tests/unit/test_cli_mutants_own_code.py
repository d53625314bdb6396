"""``rnnverify mutants`` on somebody's own code: it is changed in memory, and run."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import cli

CODE = """
import rnnverify
from rnnverify.models.char_rnn import gradients

def last_bias(case):
    half = gradients(case)["by"] * 1.0 / 2
    print("what it likes")
    return {"by": half + half}

def wrong(case):
    return {"by": -gradients(case)["by"]}

def bare(case):
    return gradients(case)

@rnnverify.gradient_test("char_rnn", gradients=["by"], dims={"T": (1, 8), "V": (2, 8), "H": (2, 8)})
def test_bias(case):
    return last_bias(case)
"""
SMALL = ("--dims", "T=1..8,V=2..8,H=2..8", "--gradients", "by", "--cases", "20")


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of somebody's, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"code_{tmp_path.name}.py"
    path.write_text(CODE)
    return path


def run(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["mutants", *words])


def document(result: Result) -> dict[str, Any]:
    """Return what was printed as JSON; nothing else may stand beside it."""
    read: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return read


def test_ones_own_code_is_changed_in_memory_only(code: Path) -> None:
    """Every change to it is run, counted and told with its place; the file stays as it is."""
    place = f"{code.name}:last_bias"
    result = run(place, "--system", "char_rnn", *SMALL, "--json", "-")
    read = document(result)
    (itself,) = read["unchanged"]

    assert code.read_text() == CODE
    assert {path.name for path in code.parent.iterdir()} <= {code.name, "__pycache__"}
    assert result.exit_code == (0 if read["killed"] == read["total"] else 1)
    assert read["total"] == len(read["mutants"]) > read["killed"] >= 3
    assert "* 1.0" not in str([each["change"] for each in read["mutants"] if not each["killed"]])
    assert (itself["name"], itself["killed"]) == ("", False)
    assert all(f"{code.name}:" in each["change"] for each in read["mutants"])
    assert "what it likes" in result.stderr


def test_code_that_fails_as_it_stands_is_not_changed(code: Path) -> None:
    """It is told, with exit code 1, and nothing is planted in it."""
    place = f"{code.name}:wrong"
    result = run(place, "--system", "char_rnn", *SMALL)

    assert result.exit_code == 1
    assert "as it stands, before anything is changed, it is scaled" in result.stdout
    assert "mutants killed" not in result.stdout


def test_a_test_is_held_to_what_it_says(code: Path) -> None:
    """Its gradients and sizes are its own; options that say otherwise are refused."""
    place = f"{code.name}:test_bias"
    read = document(run(place, "--cases", "20", "--json", "-"))
    refused = run(place, "--system", "char_rnn", *SMALL)

    assert read["killed"] > 0
    assert [each["killed"] for each in read["unchanged"]] == [False]
    assert refused.exit_code == 2
    assert f"--system, --gradients, --dims: not for {place}, a test" in flat(refused.stderr)


def flat(text: str) -> str:
    """Return text without its line ends."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--system lstn", "there are no mutants of lstn; there are of char_rnn, "),
        ("--clip value", "--clip: for your own code only"),
        ("--scale 1/T --digits 5", "--scale, --digits: for your own code only"),
        ("--lengths", "--lengths: for your own code only"),
        ("--json nowhere/out.json", "cannot write 'nowhere/out.json'"),
        ("missing.py:f --system char_rnn", "there is no file missing.py"),
        ("{code}:missing --system char_rnn", "has no 'missing'"),
        ("{code}:bare --system char_rnn", "there is nothing in"),
        ("{code}:wrong", "a candidate needs one"),
        ("--cases 0", "at least 1"),
        ("--cases -5 --system char_rnn", "-5 is too few"),
        ("--seed -1", "0 or more"),
    ],
)
def test_bad_usage_is_named(code: Path, words: str, said: str) -> None:
    """Exit code 2, and what was wrong."""
    result = run(*words.format(code=code.name).split())

    assert result.exit_code == 2
    assert said in flat(result.stderr)
