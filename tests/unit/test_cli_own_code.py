"""``rnnverify verify`` on somebody's own code: what can be declared, and systems of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import cli

CODE = """
import numpy as np
import jax.numpy as jnp
import rnnverify
from rnnverify.clipping import clip_gradients
from rnnverify.models.char_rnn import gradients
from rnnverify.records import Clip

WEIGHTS = ("Wxh", "Whh", "Why", "bh", "by")

def mean(case):
    found = gradients(case)
    return {name: found[name] / case.dims["T"] for name in WEIGHTS}

def recurrent(case):
    found = gradients(case)
    return {"Whh": found["Whh"], "bh": found["bh"]}

def plain_sum(case):
    ones = np.ones_like(case["loss_weights"])
    found = gradients(case.with_arrays({"loss_weights": ones, "h0": 0 * case["h0"]}))
    return {name: found[name] for name in WEIGHTS}

def four_digits(case):
    return {name: found * (1 + 1e-5) for name, found in gradients(case).items() if name != "loss"}

def states_too(case):
    found = dict(gradients(case.replace(clip=Clip())))
    loss = found.pop("loss")
    return clip_gradients(found, case.clip) | {"loss": loss}

def three_units(case):
    assert case.dims["H"] == 3 and case.dims["T"] <= 4
    return gradients(case)

SYSTEM = rnnverify.System(
    name="mine",
    weights={"w": "H"},
    inputs={"x": "T H"},
    loss=lambda p: jnp.sum(jnp.tanh(p["w"] * p["x"])),
)

def mine(case):
    return {"w": (case["x"] * (1 - np.tanh(case["w"] * case["x"]) ** 2)).sum(0)}

def not_mine(case):
    return {"w": case["x"].sum(0)}
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "code.py"
    path.write_text(CODE)
    return path


def verify(code: Path, function: str, *words: str, system: str = "char_rnn") -> Result:
    """Run the command on a function of the file."""
    place = f"{code.name}:{function}"
    return CliRunner().invoke(cli, ["verify", place, "--system", system, "--cases", "40", *words])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("mean", ["--scale", "1/T"]),
        ("recurrent", ["--gradients", "Whh,bh"]),
        ("recurrent", ["--gradients", "Whh", "--gradients", "bh"]),
        ("plain_sum", ["--set", "h0=0", "--set", "loss_weights=1"]),
        ("plain_sum", ["--set", "h0=0,loss_weights=1"]),
        ("four_digits", ["--digits", "4"]),
        ("states_too", ["--clip", "value", "--clip-over", "Wxh,Whh,Why,bh,by,h0"]),
        ("three_units", ["--dims", "H=3,T=1..4"]),
        ("mine", None),
    ],
)
def test_what_is_declared_is_a_match_and_else_none(
    code: Path, function: str, words: list[str] | None
) -> None:
    """Each piece of code matches under its option, and differs without it."""
    if words is None:
        assert verify(code, function, system="code.py:SYSTEM").exit_code == 0
        assert verify(code, "not_mine", system="code.py:SYSTEM").exit_code == 1
        return
    declared, clips = verify(code, function, *words), words[:2] if "--clip" in words else []

    assert declared.exit_code == 0, declared.output
    assert verify(code, function, *clips).exit_code != 0


def test_the_report_says_what_was_declared(code: Path) -> None:
    """In words, in JSON, and in the command line that shows a failure again."""
    words = [
        "--scale=1/T",
        "--set",
        "h0=0",
        "--dims",
        "T=1..4",
        "--gradients",
        "Whh,bh",
        "--json",
        "-",
    ]
    result = verify(code, "recurrent", *words)
    (report,) = json.loads(result.stdout)["reports"]

    assert report["options"] == {
        "gradients": ["Whh", "bh"],
        "scale": "1/T",
        "dims": {"T": "1..4"},
        "fixed": {"h0": 0},
    }
    assert "held to gradients=['Whh', 'bh'], scale=1/T" in result.stderr
    for word in ("--gradients=Whh,bh", "--scale=1/T", "--set=h0=0", "--dims=T=1..4"):
        assert word in report["failure"]["replay"]


def test_the_command_line_that_is_told_shows_the_same(code: Path) -> None:
    """A report's replay, run as it stands, gives the same failure."""
    words = ["--scale=-1", "--set", "h0=0", "--dims", "T=1..4", "--digits", "9", "--json", "-"]
    first = report_of(verify(code, "plain_sum", *words))
    again = CliRunner().invoke(cli, [*first["failure"]["replay"].split()[1:], "--json", "-"])

    assert report_of(again)["failure"]["message"] == first["failure"]["message"]


def report_of(result: Result) -> dict[str, Any]:
    (report,) = json.loads(result.stdout)["reports"]
    return dict(report)


def test_json_has_hygiene_hints_and_fault(code: Path) -> None:
    """Keys that others may build on."""
    report = report_of(verify(code, "plain_sum", "--json", "-"))

    assert report["hygiene"]["repeatable"] == "ok"
    assert report["hygiene"]["zero_upstream"] != "ok"
    assert "--set loss_weights=1 --set h0=0" in report["hints"][0]
    assert report["scaled_by"] is None
    assert report["failure"]["fault"]["side"] == "unknown"
    assert report["failure"]["ratio"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dims", "H"], "--dims: 'H' is not of the form NAME=VALUE"),
        (["--dims", "Q=3"], "'Q' is no axis of char_rnn; those are T (time steps)"),
        (["--dims", "H=0"], "H = '0' is no size"),
        (["--dims", "H=3..2"], "H = '3..2' is no size"),
        (["--set", "h0"], "--set: 'h0' is not of the form NAME=VALUE"),
        (["--set", "h0=none"], "--set: h0=none holds no number"),
        (["--set", "h1=0"], "h1 is no array of char_rnn"),
        (["--set", "inputs=-1"], "inputs must hold token ids"),
        (["--scale", "1/Q"], "'1/Q' names Q; the axes are T, V, H"),
        (["--scale", "mean"], "'mean' names mean"),
        (["--scale", "0"], "must be finite, and not 0"),
        (["--digits", "0"], "digits: 0.0 makes no sense"),
        (["--timeout", "0"], "timeout: 0.0 is no time"),
        (["--gradients", "Whx"], "gradients: Whx is no array that has a gradient"),
        (["--clip-over", "inputs"], "clip_over: inputs is no array that has a gradient"),
    ],
)
def test_bad_options_are_named(code: Path, words: list[str], said: str) -> None:
    """The message says which option, what it holds, and what would be right; exit code 2."""
    result = verify(code, "mean", *words)

    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ("code.py:mean", "is no rnnverify.System, but a function"),
        ("code.py:NOTHING", "has no 'NOTHING'"),
        ("nowhere.py:SYSTEM", "there is no file nowhere.py"),
    ],
)
def test_a_bad_system_is_named(code: Path, system: str, said: str) -> None:
    """As a bad candidate is."""
    result = verify(code, "mean", system=system)

    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", " ")


def test_a_system_of_ones_own_needs_a_candidate(code: Path) -> None:
    """There is no model of it."""
    result = CliRunner().invoke(cli, ["verify", "--system", f"{code.name}:SYSTEM"])

    assert result.exit_code == 2
    assert "mine has no model of ours; name a candidate" in result.stderr.replace("\n", " ")


def test_a_system_of_ones_own_is_described(code: Path) -> None:
    """As the built-in ones are."""
    result = CliRunner().invoke(cli, ["systems", f"{code.name}:SYSTEM"])

    assert result.exit_code == 0
    assert "w (H)" in result.stdout


def test_a_failing_case_is_saved_where_it_was_asked_for(code: Path) -> None:
    """One file, whose replay is told; nothing is written by a run that passes."""
    verify(code, "mean", "--scale", "1/T", "--save", "failures")
    assert not (code.parent / "failures").exists()

    result = verify(code, "recurrent", "--gradients", "Whh", "--scale=2", "--save", "failures")
    (saved,) = (code.parent / "failures").iterdir()
    assert f"replay: rnnverify replay {saved} code.py:recurrent" in result.stdout
