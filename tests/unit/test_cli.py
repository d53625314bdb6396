"""The command line: its contract, and what it says of bad input."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rnnverify.builtin import SYSTEMS
from rnnverify.cli.requests import Options, requested
from rnnverify.errors import UsageError
from tests.commands import document, run, verify


@pytest.mark.usefixtures("folder")
def test_json_on_standard_output_is_alone_there() -> None:
    """With ``--json -`` stdout is JSON; tables, progress and a candidate's prints go elsewhere."""
    result = verify("shouting", "--json", "-")

    assert result.exit_code == 0
    assert document(result)["reports"][0]["verdict"] == "match"
    assert "what it likes" in result.stderr
    assert "char_rnn" in result.stderr


@pytest.mark.usefixtures("folder")
def test_the_json_keeps_its_contract() -> None:
    """Every promised key is there, with the promised meaning; a candidate has modest defaults."""
    read = document(verify("sign", "--json", "-"))
    (report,) = read["reports"]
    failure = report["failure"]

    assert read["format"] == 1
    assert isinstance(read["version"], str)
    assert {
        *("system", "candidate", "input", "clip", "dtype", "seed", "cases", "verdict"),
        *("counts", "clip_active", "regimes", "gradients", "failure"),
    } <= set(report)
    assert (report["input"], report["clip"], report["dtype"]) == ("generated", "none", "float64")
    assert report["candidate"] == "my_rnn.py:sign"
    assert report["cases"] == 8 == sum(report["counts"].values())
    assert set(report["gradients"]) == {"Wxh", "Whh", "Why", "bh", "by", "h0"}
    assert {"worst", "digits", "agree", "conclusive"} <= set(report["gradients"]["Whh"])
    assert {
        *("verdict", "gradient", "gradients", "index", "step", "got", "want", "tolerance"),
        *("message", "replay"),
    } <= set(failure)
    assert (failure["verdict"], failure["gradient"]) == ("wrong", "Whh")
    assert failure["gradients"] == ["Whh"]
    assert failure["got"] == pytest.approx(-failure["want"])


@pytest.mark.usefixtures("folder")
def test_what_has_no_figure_is_null() -> None:
    """NaN is written as null."""
    result = verify("nan", "--json", "-")
    (report,) = document(result)["reports"]

    assert result.exit_code == 1
    assert report["verdict"] == "nonfinite"
    assert report["failure"]["got"] is None


@pytest.mark.usefixtures("folder")
def test_the_same_seed_gives_equal_reports() -> None:
    """Times stay outside the reports, which are equal."""
    first, again, other = (
        document(verify("sign", "--json", "-", "--seed", seed)) for seed in ("1", "1", "2")
    )

    assert first["reports"] == again["reports"]
    assert first["reports"] != other["reports"]


def test_json_goes_to_a_file(folder: Path) -> None:
    """A file is written whole, and nothing else is left behind."""
    result = verify("sign", "--json", "out.json")

    assert result.exit_code == 1
    assert json.loads((folder / "out.json").read_text())["reports"]
    assert {path.name for path in folder.iterdir()} <= {"my_rnn.py", "out.json", "__pycache__"}


@pytest.mark.usefixtures("folder")
def test_a_failure_is_told() -> None:
    """The terminal shows case, entry, figures, step, and a command that shows it again."""
    result = verify("sign")

    assert result.exit_code == 1
    for words in ("WRONG", "dWhh", "T=", "regime:", "got", "want", "tolerance", "step", "replay:"):
        assert words in result.stdout
    assert "rnnverify verify my_rnn.py:sign --system char_rnn --clip none" in result.stdout


@pytest.mark.usefixtures("folder")
def test_the_replayed_command_shows_the_same_failure() -> None:
    """What ``replay`` says, run as it stands, fails in the same entry."""
    (report,) = document(verify("sign", "--json", "-", "--seed", "5"))["reports"]
    words = report["failure"]["replay"].split()
    (again,) = document(run(*words[1:], "--json", "-"))["reports"]

    assert words[:2] == ["rnnverify", "verify"]
    assert words[-2] == "--case"
    assert (again["cases"], again["failure"]) == (1, report["failure"])


@pytest.mark.usefixtures("folder")
def test_a_candidates_exception_is_the_users_traceback() -> None:
    """An exception is an invalid candidate, exit code 2, shown from the candidate on."""
    result = verify("raises", "--json", "out.json")

    assert result.exit_code == 2
    assert "INVALID" in result.stdout
    assert "in helper" in result.stdout
    assert "ValueError: not today" in result.stdout
    assert "calling.py" not in result.stdout
    assert json.loads(Path("out.json").read_text())["reports"][0]["verdict"] == "invalid"


@pytest.mark.usefixtures("folder")
def test_dtypes_and_clips_are_as_asked() -> None:
    """Each dtype and clip has a report; duplicates are run once."""
    result = verify(
        "float32",
        *("--dtype", "float32", "--json", "-"),
        *("--clip", "value:5", "--clip", "none", "--clip", "value:5"),
    )
    reports = document(result)["reports"]

    assert [report["clip"] for report in reports] == ["value:5", "none"]
    assert {report["dtype"] for report in reports} == {"float32"}


def test_without_a_candidate_the_models_are_verified_on_real_input_too() -> None:
    """All of the systems asked for, both dtypes, all kinds of clip, generated and real input."""
    systems = ("char_rnn", "binary_adder", "werbos")
    options = [word for system in systems for word in ("--system", system)]
    result = run("verify", *options, "--cases", "4", "--json", "-")
    seen = {(r["system"], r["input"], r["dtype"], r["clip"]) for r in document(result)["reports"]}

    assert seen == {
        (system, source, dtype, clip)
        for system in systems
        for source in REAL.get(system, ["generated"])
        for dtype in ("float64", "float32")
        for clip in ("none", "value", "norm", "global-norm")
    }


REAL = {"char_rnn": ["generated", "text"], "binary_adder": ["generated", "additions"]}


@pytest.mark.parametrize(
    ("options", "systems"),
    [
        ({}, list(SYSTEMS)),
        ({"lengths": True}, ["elman", "elman_relu", "lstm", "gru", "gru_reset_before"]),
        ({"truncate": "3"}, ["char_rnn", "elman"]),
    ],
)
def test_without_a_system_all_that_can_be_verified_are(
    options: dict[str, Any], systems: list[str]
) -> None:
    """All; those with batches, for lengths; those with a model that truncates."""
    runs = requested(Options(**NOTHING_ASKED | options))

    assert [run.system.name for run in runs if run.dtype == "float64"] == [
        system for system in systems for _ in REAL.get(system, ["generated"])
    ]
    assert all(run.lengths == bool(options.get("lengths")) for run in runs)


def test_our_own_models_are_called_without_a_thread(tmp_path: Path) -> None:
    """They come back; the model of somebody's own system, or a candidate, may not."""
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import replace\nfrom rnnverify.builtin import CHAR_RNN\n"
        "SYSTEM = replace(CHAR_RNN, name='mine')\nmodel = CHAR_RNN.gradients\n"
    )
    asked = NOTHING_ASKED | {"timeout": 3.0}
    ours = requested(Options(**asked))
    theirs = [
        *requested(Options(**asked | {"system": (f"{mine}:SYSTEM",)})),
        *requested(Options(**asked | {"system": ("char_rnn",), "candidate": f"{mine}:model"})),
    ]

    assert {run.terms.timeout for run in ours} == {None}
    assert {run.terms.timeout for run in theirs} == {3.0}
    with pytest.raises(UsageError, match="timeout: -3"):
        requested(Options(**asked | {"timeout": -3.0}))


NOTHING_ASKED: dict[str, Any] = {
    "candidate": None,
    "system": (),
    "clip": (),
    "dtype": (),
    "cases": 1,
    "seed": 0,
    "case": None,
    "text": None,
    "truncate": None,
    "lengths": False,
    "gradients": (),
    "scale": "1",
    "dims": (),
    "fixed": (),
    "clip_over": (),
    "digits": None,
    "timeout": 60.0,
    "save": None,
    "target": None,
    "cache": False,
}


def test_models_that_truncate_and_batches_with_lengths() -> None:
    """The table says what was asked for besides, and so does the JSON."""
    truncated = run("verify", "--system", "elman", "--truncate", "chunks:2", "--cases", "5")
    lengths = run("verify", "--system", "gru", "--lengths", "--cases", "5", "--json", "-")

    assert truncated.exit_code == 0
    assert "elman truncate chunks:2  generated" in truncated.stdout
    assert {(r["lengths"], r["truncate"]) for r in document(lengths)["reports"]} == {(True, None)}
    assert "gru lengths" in lengths.stderr


def test_a_failure_under_truncation_says_so() -> None:
    """The command that shows it again asks for the same."""
    result = run(
        "verify", "rnnverify.models.elman:gradients", "--system", "elman", "--truncate", "2"
    )

    assert result.exit_code == 1
    assert "WRONG  elman truncate 2" in result.stdout
    assert "--truncate 2" in next(x for x in result.stdout.splitlines() if "replay:" in x)


def test_a_text_of_ones_own(folder: Path) -> None:
    """``--text`` takes windows of a file, for the models and for a candidate."""
    (folder / "text.txt").write_text("to be or not to be, that is the question", encoding="utf-8")
    words = ("--text", "text.txt", "--json", "-", "--clip", "none", "--dtype", "float64")
    model = document(run("verify", "--system", "char_rnn", "--cases", "4", *words))
    own = document(verify("shouting", *words))

    for read in (model, own):
        assert [report["input"] for report in read["reports"]] == ["generated", "text"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--system lstn", "unknown 'lstn'; did you mean 'lstm'?"),
        ("--system char_rnn --clip clamp", "unknown 'clamp'"),
        ("--system char_rnn --clip value:-2", "positive"),
        ("--system char_rnn --dtype float16", "float64, float32"),
        ("--cases 0", "at least 1"),
        ("--cases -5", "-5 is too few"),
        ("--case 201", "case: 201 is none of the 200 cases"),
        ("--case 0", "case: 0 is none of the 200 cases"),
        ("--cases many", "'many' is not a valid integer"),
        ("--seed -1", "0 or more"),
        ("--json nowhere/out.json", "cannot write 'nowhere/out.json'"),
        ("--json .", "cannot write '.'"),
        ("--text missing.txt", "cannot read missing.txt: No such file"),
        ("--text empty.txt", "has 0 distinct characters, but at least 2"),
        ("--text one.txt", "has 1 distinct characters, but at least 2"),
        ("--text binary.txt", "not UTF-8"),
        ("--text .", "cannot read ."),
        ("--text two.txt --system binary_adder", "binary_adder reads no text"),
        ("--truncate x", "neither a number of steps"),
        ("--truncate 0", "at least"),
        ("--truncate 16 --system char_rnn", "16 cuts nothing in sequences of 16 steps"),
        ("--truncate 2 --system lstm", "lstm has no model that truncates"),
        ("--truncate 2 --lengths --system elman", "not for sequences with lengths"),
        ("--lengths --system char_rnn", "char_rnn reads one sequence"),
        ("my_rnn.py:shouting", "a candidate needs one, but got none"),
        (
            "my_rnn.py:shouting --system char_rnn --system binary_adder",
            "needs one, but got char_rnn",
        ),
        ("my_rnn.py --system char_rnn", "names nothing"),
        ("my_rnn.py: --system char_rnn", "names nothing"),
        ("missing.py:f --system char_rnn", "there is no file missing.py"),
        (
            "my_rnn.py:missing --system char_rnn",
            "has no 'missing'; it has shouting, sign",
        ),
        ("my_rnn.py:number --system char_rnn", "is no function, but a int"),
        ("no.such.module:f --system char_rnn", "there is no module 'no'"),
        ("json:nothing --system char_rnn", "json has no 'nothing'"),
        ("syntax.py:f --system char_rnn", "SyntaxError"),
        ("imports.py:f --system char_rnn", "No module named 'nowhere_to_be_found'"),
        ("exits.py:f --system char_rnn", "SystemExit: 4"),
        ("lazy.py:f --system char_rnn", "RuntimeError: no names here"),
        ("classes.py:Net --system char_rnn", "is no function, but a type"),
        ("classes.py:net.missing --system char_rnn", "has no 'net.missing'"),
        ("one.txt --system char_rnn", "names nothing"),
    ],
)
def test_bad_usage_is_named(folder: Path, words: str, said: str) -> None:
    """Exit code 2, what was wrong and what would be right, and no traceback of ours."""
    for name, content in {
        "empty.txt": b"",
        "one.txt": b"x",
        "two.txt": b"xy",
        "binary.txt": b"\xff\xfe\xfd",
        "syntax.py": b"def f(:\n",
        "imports.py": b"import nowhere_to_be_found\n",
        "exits.py": b"raise SystemExit(4)\n",
        "lazy.py": b"def __getattr__(name):\n    raise RuntimeError('no names here')\n",
        "classes.py": b"class Net:\n    pass\n\nnet = Net()\n",
    }.items():
        (folder / name).write_bytes(content)
    result = run("verify", *words.split())

    assert result.exit_code == 2
    assert said in result.stderr
    assert "rnnverify/" not in result.stderr


def test_the_systems_are_listed() -> None:
    """In JSON with axes, gradients and source; in text with the same."""
    read = document(run("systems", "--json", "-"))
    text = run("systems").stdout

    assert [system["name"] for system in read["systems"]] == list(SYSTEMS)
    assert read["systems"][0]["weights"]["Wxh"] == ["H", "V"]
    assert read["systems"][0]["gradients"] == ["Wxh", "Whh", "Why", "bh", "by", "h0"]
    assert "karpathy" in read["systems"][0]["source"]
    assert "S0 (D H)" in text
    assert "T time steps (1-16), D input bits (2), H hidden units (1-16)" in " ".join(text.split())
    assert read["systems"][1]["sizes"] == {"T": [1, 16], "D": [2, 2], "H": [1, 16], "K": [1, 1]}
    assert read["systems"][0]["options"] == ["--truncate"]
    assert read["systems"][0]["truncated_model"]
    assert not read["systems"][1]["truncated_model"]
    assert "--lengths, --truncate" in text


def test_all_about_one_system() -> None:
    """With a name, the model's own account: recurrence, loss, gates, backward pass, shapes."""
    result = run("systems", "lstm")

    assert "Wx (D 4 H)" in result.stdout
    assert "i, f, g, o = σ, σ, tanh, σ of" in result.stdout
    assert "⟨G_cT, c_T⟩" in result.stdout
    assert "char_rnn" not in result.stdout
    assert [s["name"] for s in document(run("systems", "gru", "--json", "-"))["systems"]] == ["gru"]
    assert "did you mean 'lstm'" in run("systems", "lstn").stderr


def test_help_has_examples() -> None:
    """``--help`` shows how it is used, and what exit codes mean."""
    for words in (("verify", "--help"), ("systems", "--help")):
        assert "Examples:" in run(*words).stdout
    assert "Exit codes" in run("--help").stdout


def test_json_is_written_through_links_and_into_devices(folder: Path) -> None:
    """A link keeps being one, a device too, and the file's mode is the usual one."""
    (folder / "real.json").touch()
    (folder / "link.json").symlink_to("real.json")
    run("systems", "--json", "link.json")
    run("systems", "--json", os.devnull)

    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "real.json").read_text())["systems"]
    assert (folder / "real.json").stat().st_mode & 0o044
    assert not Path(os.devnull).is_file()


def test_a_narrow_terminal_hides_no_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table keeps its width, whatever the terminal's is."""
    del folder
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert "float64" in verify("sign").stdout


def test_an_interruption_loses_nothing(folder: Path) -> None:
    """Ctrl-C ends a run; what was done until then is written."""
    (folder / "slow.py").write_text("def f(case):\n    raise KeyboardInterrupt\n")
    result = run("verify", "slow.py:f", "--system", "char_rnn", "--json", "out.json")

    assert result.exit_code == 130
    assert "interrupted" in result.stderr
    assert json.loads((folder / "out.json").read_text())["reports"] == []
