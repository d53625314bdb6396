"""``[[tool.rnnverify.check]]``: every key says what it says in Python, and bad ones are named."""

from pathlib import Path
from typing import Any

import pytest

from rnnverify.cli.checks import find_checks
from rnnverify.cli.requests import requested
from rnnverify.errors import UsageError
from tests.commands import RIGHT
from tests.gates import BASE

HEAD = '[[tool.rnnverify.check]]\ncandidate = "my_rnn.py:sign"\nsystem = "char_rnn"\n'
ALL = """
clip = ["none", "value:5"]
dtype = ["float64", "float32"]
cases = 40
gradients = ["Wxh", "Whh"]
scale = "1/T"
dims = {H = 4, T = [1, 6]}
fixed = {h0 = 0, loss_weights = 1.0}
truncate = 3
clip_over = ["Whh"]
digits = 5
timeout = 9
mutants = true
"""


@pytest.fixture(name="write")
def _write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what writes a pyproject.toml beside a candidate."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_rnn.py").write_text(RIGHT)
    return lambda text: (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")


def test_every_key_arrives(write: Any) -> None:
    """As the arguments of ``verify`` would."""
    write(HEAD + ALL)
    (asked,) = find_checks(BASE)
    double, single = requested(asked.options)

    assert (asked.cases, asked.mutants) == (40, True)
    assert [str(clip) for clip in double.clips] == ["none", "value:5"]
    assert (double.dtype, single.dtype) == ("float64", "float32")
    assert double.terms.gradients == ("Wxh", "Whh")
    assert (double.terms.scale.text, double.terms.digits, double.terms.timeout) == ("1/T", 5, 9)
    assert dict(double.restrictions.dims) == {"H": (4, 4), "T": (1, 6)}
    assert dict(double.fixed or {}) == {"h0": 0, "loss_weights": 1}
    assert str(double.truncation) == "3"
    assert double.clips[0].over == ("Whh",)


def test_lengths_and_single_texts_are_understood(write: Any) -> None:
    """A clip or a dtype need not be a list."""
    write('[[tool.rnnverify.check]]\nsystem = "elman"\nlengths = true\nclip = "norm"\n')
    (asked,) = find_checks(BASE)
    (run, _) = requested(asked.options)

    assert run.lengths
    assert [str(clip) for clip in run.clips] == ["norm"]


def test_files_are_found_from_the_folder_of_the_pyproject(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command is run; checks keep their names."""
    write(HEAD)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    (asked,) = find_checks(BASE)

    assert asked.options.candidate == "../../my_rnn.py:sign"
    assert asked.options.name == "my_rnn.py:sign"
    assert [run.name for run in requested(asked.options)] == ["my_rnn.py:sign"]


def test_without_checks_there_are_none(write: Any) -> None:
    """No file, or one that says nothing of them."""
    assert find_checks(BASE) == []
    write('[project]\nname = "mine"\n')
    assert find_checks(BASE) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[tool", "cannot be read"),
        ("[tool]\nrnnverify = 3", "holds something else"),
        ("[tool.rnnverify]\nchecks = 3", "holds checks"),
        ("[tool.rnnverify]\ncheck = 3", "a check that is no table"),
        ("[[tool.rnnverify.check]]\n", "check 1: says neither what to check"),
        (f"{HEAD}clips = 3", "check 1: unknown key clips; known are candidate, system"),
        (f"{HEAD}\n{HEAD}cases = 'many'", "check 2: cases: 'many' is not a whole number"),
        (f"{HEAD}cases = true", "cases: True is not a whole number"),
        (f"{HEAD}clip = 5", "clip: 5 is not a text or a list of texts"),
        (f"{HEAD}clip = []", r"clip: \[\] is not a text or a list"),
        (f"{HEAD}digits = '5'", "digits: '5' is not a number"),
        (f"{HEAD}scale = true", "scale: True is not a number or a text"),
        (f"{HEAD}dims = 5", "dims: 5 is not a table of sizes"),
        (f"{HEAD}dims = {{H = 1.5}}", "dims: 1.5 is not a whole number"),
        (f"{HEAD}fixed = {{h0 = 'zero'}}", "fixed: 'zero' is not a number"),
        (f"{HEAD}lengths = 1", "lengths: 1 is not true or false"),
        (f"{HEAD}candidate = ''", "cannot be read"),
        ("[[tool.rnnverify.check]]\nsystem = ''", "system: '' is not a text"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(write: Any, text: str, said: str) -> None:
    """With the file, and the number of the check."""
    write(text)

    with pytest.raises(UsageError, match=said) as caught:
        find_checks(BASE)

    assert str(caught.value).startswith("pyproject.toml")
