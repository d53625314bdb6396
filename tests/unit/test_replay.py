"""``rnnverify replay``: a saved case is shown, and a candidate checked on it."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify.builtin import CHAR_RNN
from rnnverify.cli import cli
from rnnverify.records import Clip
from rnnverify.storage import load_case, save_case
from tests.files import CANDIDATES, change
from tests.support import char_rnn_case

WAS = "char_rnn: dWhh is off"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with candidates and a case in it, as the current one."""
    (tmp_path / "my_code.py").write_text(CANDIDATES)
    save_case(tmp_path / "case", char_rnn_case(T=3), candidate="a.py:f", message=WAS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(cli, words)


def replay(name: str, *words: str) -> Result:
    """Check one of the file's functions on the case."""
    return run("replay", "case.npz", f"my_code.py:{name}", *words)


def test_a_case_is_shown(folder: Path) -> None:
    """Without a candidate, there are its sizes, what was wrong, and every number in it."""
    result = run("replay", "case.npz")
    case = load_case(folder / "case.npz")

    assert result.exit_code == 0
    assert "char_rnn  T=3 V=4 H=3, clip none, float64" in result.stdout
    assert "was: a.py:f: char_rnn: dWhh is off" in result.stdout
    assert all(f"{name} = [" in result.stdout for name in case)
    assert f"{case['by'][0]:.8f}" in result.stdout
    assert "held to" not in result.stdout


def test_all_that_a_case_has_is_shown(folder: Path) -> None:
    """Clip, dtype, truncation and terms are told, too; long arrays are cut short."""
    case = char_rnn_case(V=16, H=16, dtype="float32")
    case = CHAR_RNN.case(dict(case), dtype="float32", clip="value:0.5", truncate=2)
    save_case(folder / "more", case, terms={"scale": "1/T", "digits": 4})
    text = run("replay", "more.npz").stdout

    assert "T=5 V=16 H=16, clip value:0.5, float32" in text
    assert "held to: scale=1/T, digits=4" in text
    assert "truncate: 2" in text
    assert "..." in text
    assert "was:" not in text


@pytest.mark.usefixtures("folder")
def test_right_gradients_match() -> None:
    """Exit code 0, and a line for each gradient."""
    result = replay("right")

    assert result.exit_code == 0
    assert "MATCH  char_rnn" in result.stdout
    assert "dWhh: match" in result.stdout


@pytest.mark.usefixtures("folder")
def test_wrong_gradients_are_named() -> None:
    """Exit code 1, the entry, its figures, the step, and the side at fault."""
    result = replay("wrong")

    assert result.exit_code == 1
    for words in ("WRONG  char_rnn", "dWhh: wrong", "dWxh: match", "at dWhh[", "got", "want"):
        assert words in result.stdout
    assert "the loss of step 0" in result.stdout
    assert "its loss is right, so it is the backward pass that is wrong" in result.stdout


@pytest.mark.usefixtures("folder")
def test_an_exception_is_the_users_traceback() -> None:
    """Exit code 2, and no frame of this package's."""
    result = replay("raises")

    assert result.exit_code == 2
    assert "INVALID  char_rnn" in result.stdout
    assert "in helper" in result.stdout
    assert "ValueError: not today" in result.stdout
    assert "calling.py" not in result.stdout


@pytest.mark.usefixtures("folder")
def test_a_missing_gradient_is_invalid() -> None:
    """Exit code 2, and what must be returned."""
    result = replay("nothing")

    assert result.exit_code == 2
    assert "returned no gradient of Wxh" in result.stdout


@pytest.mark.parametrize(("name", "code"), [("test_right", 0), ("test_wrong", 1)])
@pytest.mark.usefixtures("folder")
def test_a_gradient_test_is_a_candidate(name: str, code: int) -> None:
    """What ``gradient_test`` has made is called as the adapter that it was made of."""
    assert replay(name).exit_code == code


@pytest.mark.usefixtures("folder")
def test_a_gradient_test_may_be_a_method() -> None:
    """The name that pytest's summary shows for a method is a candidate, too."""
    assert replay("TestMethods.test_wrong").exit_code == 1


@pytest.mark.usefixtures("folder")
def test_a_candidate_that_does_not_repeat_itself_fails() -> None:
    """What fails for being called again is called again."""
    result = replay("adds_up")

    assert result.exit_code == 1
    assert "NONDETERMINISTIC" in result.stdout


def test_terms_are_those_of_the_file(folder: Path) -> None:
    """A candidate is held to what it was held to when the case was saved, and to no less."""
    case, terms = load_case(folder / "case.npz"), {"gradients": ["Wxh", "Whh"], "scale": "1/2"}
    save_case(folder / "case", case, terms=terms)

    assert replay("halves").exit_code == 0
    assert replay("right").exit_code == 1
    save_case(folder / "case", case)
    assert replay("halves").exit_code == 2


def test_an_inconclusive_case_is_no_pass(folder: Path) -> None:
    """Exit code 1, where rounding alone decides."""
    huge = char_rnn_case(Why=np.full((4, 3), 1e200), h0=np.full(3, 1e300))
    save_case(folder / "case", huge)
    result = replay("right")

    assert result.exit_code == 1
    assert "INCONCLUSIVE" in result.stdout


@pytest.mark.usefixtures("folder")
def test_json_on_standard_output_is_alone_there() -> None:
    """With ``--json -``, the case and the verdict in words go to standard error."""
    right, wrong = (json.loads(replay(name, "--json", "-").stdout) for name in ("right", "wrong"))

    shown = {"format": 1, "system": "char_rnn", "dims": {"T": 3, "V": 4, "H": 3}}
    assert right == shown | {"was": WAS, "verdict": "match", "failure": None}
    assert (wrong["format"], wrong["verdict"]) == (1, "wrong")
    assert wrong["failure"]["gradient"] == "Whh"
    assert wrong["failure"]["dims"] == {"T": 3, "V": 4, "H": 3}
    assert wrong["failure"]["fault"]["side"] == "backward"
    command = ["rnnverify", "replay", "case.npz", "my_code.py:wrong"]
    assert wrong["failure"]["replay"].split() == command
    assert "WRONG  char_rnn" in replay("wrong", "--json", "-").stderr


@pytest.mark.usefixtures("folder")
def test_a_candidates_prints_are_kept_out_of_the_json() -> None:
    """A candidate may print what it likes."""
    assert json.loads(replay("loud", "--json", "-").stdout)["verdict"] == "wrong"


def test_json_of_a_case_alone_has_no_verdict(folder: Path) -> None:
    """Without a candidate, there is the case, and null where a verdict would be."""
    case, verdict = load_case(folder / "case.npz"), {"verdict": None, "failure": None}
    shown = {"format": 1, "system": case.system, "dims": dict(case.dims), "was": WAS}
    result = run("replay", "case.npz", "--json", "-")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == shown | verdict
    assert "Whh = [" in result.stderr


def test_json_goes_to_a_file(folder: Path) -> None:
    """With ``--json PATH``, standard output is as it is without."""
    assert replay("wrong", "--json", "out.json").stdout == replay("wrong").stdout
    assert json.loads((folder / "out.json").read_text())["verdict"] == "wrong"


@pytest.mark.parametrize(("name", "code"), [("cell", 0), ("bad_cell", 1)])
def test_an_own_system_is_named(name: str, code: int, folder: Path) -> None:
    """A case of a system of one's own is shown and checked with ``--system``."""
    _save_own(folder)
    words = ("--system", "my_code.py:CELL")

    assert "my_cell  T=2 H=2" in run("replay", "own.npz", *words).stdout
    assert run("replay", "own.npz", f"my_code.py:{name}", *words).exit_code == code


def _save_own(folder: Path) -> None:
    scope: dict[str, Any] = {}
    exec(CANDIDATES, scope)  # noqa: S102 - our own
    arrays = {"W": np.eye(2), "x": [[1.0, 2.0], [3.0, 5.0]], "loss_weights": [1.0, 2.0]}
    save_case(folder / "own", scope["CELL"].case(arrays))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("missing.npz", "load: cannot read missing.npz: No such file"),
        (".", "load: cannot read .: Is a directory"),
        ("my_code.py", "load: my_code.py is no saved case, or is damaged"),
        ("later.npz", "has format 2; this version reads 1"),
        ("nan.npz", "bh must hold finite real numbers"),
        ("own.npz", "unknown 'my_cell'"),
        ("own.npz --system char_rnn", "is one of 'my_cell', not of 'char_rnn'"),
        ("case.npz --system lstn", "did you mean 'lstm'"),
        ("case.npz --system my_code.py:right", "is no rnnverify.System, but a function"),
        ("case.npz --system my_code.py:NONE", "has no 'NONE'"),
        ("case.npz my_code.py", "names nothing"),
        ("case.npz my_code.py:missing", "has no 'missing'; it has right, wrong"),
        ("case.npz missing.py:f", "there is no file missing.py"),
        ("case.npz my_code.py:right --timeout 0", "is no time"),
        ("case.npz my_code.py:right --json nowhere/out.json", "--json: cannot write"),
        ("", "Missing argument 'FILE'"),
    ],
)
def test_bad_usage_is_named(folder: Path, words: str, said: str) -> None:
    """Exit code 2, what was wrong, and no traceback of ours."""
    _save_own(folder)
    change(save_case(folder / "later", char_rnn_case()), format=2)
    change(save_case(folder / "nan", char_rnn_case()), {"bh": [np.nan] * 3})
    result = run("replay", *words.split())

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("clip", ["none", "value"])
def test_what_verify_saves_is_shown_again(clip: str, folder: Path) -> None:
    """With ``--save``, the command in a failure's JSON shows the same entry off by as much."""
    words = ("--system", "char_rnn", "--cases", "8", "--clip", clip, "--save", "kept")
    result = run("verify", "my_code.py:wrong", *words, "--json", "-")
    failure = json.loads(result.stdout)["reports"][0]["failure"]
    name, *command = shlex.split(failure["replay"])
    again = run(*command, "--json", "-")

    assert (name, command[0], again.exit_code) == ("rnnverify", "replay", 1)
    assert Path(failure["saved"]).parent == folder / "kept"
    assert load_case(failure["saved"]).clip == Clip.parse(failure["clip"])
    shown = json.loads(again.stdout)["failure"]
    for key in ("gradient", "index", "got", "want", "tolerance", "step", "dims", "clip"):
        assert shown[key] == failure[key]


def test_nothing_is_saved_of_what_matches(folder: Path) -> None:
    """A run without a failure leaves no folder."""
    words = ("--system", "char_rnn", "--cases", "4", "--save", "kept")

    assert run("verify", "my_code.py:right", *words).exit_code == 0
    assert not (folder / "kept").exists()


def test_an_own_systems_failure_is_shown_again(folder: Path) -> None:
    """The command names the system, without which the file could not be read."""
    words = ("--system", "my_code.py:CELL", "--cases", "8", "--save", "kept", "--json", "-")
    result = run("verify", "my_code.py:bad_cell", *words)
    command = shlex.split(json.loads(result.stdout)["reports"][0]["failure"]["replay"])

    assert command[-2:] == ["--system", "my_code.py:CELL"]
    assert run(*command[1:]).exit_code == 1
    assert list((folder / "kept").glob("*.npz"))
