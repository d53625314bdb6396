"""The commands that the pytest plugin shows, and tests that end in other ways than most."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rnnverify.cli import cli
from tests.pytest_runs import PLANTED, Done, program, run

TESTS = (
    PLANTED
    + """
import hypothesis, pytest, rnnverify
import jax.numpy as jnp

CELL = rnnverify.System(
    name="my_cell",
    weights={"W": "H H"},
    inputs={"x": "T H", "loss_weights": rnnverify.loss_weights("T")},
    loss=lambda a: jnp.sum(a["loss_weights"] * jnp.sum(a["x"] @ a["W"], axis=1)),
)
calls = []

@pytest.fixture(scope="module")
def sign():
    return -1

@rnnverify.gradient_test("char_rnn", cases=3)
def test_plain(case):
    return wrong(case)

@rnnverify.gradient_test(CELL, cases=3)
def test_own(case):
    return {"W": 1 + 0 * case["W"]}

class TestMethods:
    @rnnverify.gradient_test("char_rnn", cases=3)
    def test_it(self, case):
        return wrong(case)

@rnnverify.gradient_test("char_rnn", cases=3)
def test_fixture(case, sign):
    return right(case) | {"Whh": sign * right(case)["Whh"]}

@pytest.mark.parametrize("factor", [-1, 1], ids=["a/b c", "right"])
@rnnverify.gradient_test("char_rnn", cases=3)
def test_parameter(case, factor):
    return right(case) | {"Whh": factor * right(case)["Whh"]}

@rnnverify.gradient_test("char_rnn", cases=3)
def test_adds_up(case):
    calls.append(right(case))
    same = [each for each in calls if each["Wxh"].shape == case["Wxh"].shape]
    return {name: sum(each[name] for each in same) for name in calls[0]}

@rnnverify.gradient_test("char_rnn", cases=3)
def test_skips(case):
    pytest.skip("not here")

@rnnverify.gradient_test("char_rnn", cases=8, timeout=None)
def test_turns_away(case):
    hypothesis.assume(case.dims["T"] > 1)
    return right(case)

@pytest.mark.xfail
@rnnverify.gradient_test("char_rnn", cases=3)
def test_known(case):
    return wrong(case)

@pytest.mark.skip
@rnnverify.gradient_test("char_rnn", cases=3)
def test_never(case):
    return wrong(case)
"""
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Return a run of all of them."""
    return run(tmp_path_factory.mktemp("odd"), test_odd=TESTS)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("test_plain", ["test_odd.py:test_plain"]),
        ("test_own", ["test_odd.py:test_own", "--system", "test_odd.py:CELL"]),
        ("TestMethods::test_it", ["test_odd.py:TestMethods.test_it"]),
        ("test_adds_up", ["test_odd.py:test_adds_up"]),
    ],
)
def test_the_command_that_is_shown_works(
    name: str, named: list[str], done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the test, and the system if it is none that is built in, and fails as it did."""
    monkeypatch.chdir(done.folder)
    command, *words = done.replay(name)
    result = CliRunner().invoke(cli, words)

    assert command == "rnnverify"
    assert words[2:] == named
    assert result.exit_code == 1, result.output


def test_what_only_pytest_can_call_is_shown_by_pytest(done: Done) -> None:
    """A test with fixtures or parameters is run again by its name, whatever is in that."""
    commands = [done.replay(name) for name in ("test_fixture", "test_parameter[a/b c]")]
    nodes = [node for _, node in commands]
    again = program(done.folder, sys.executable, "-m", "pytest", *nodes)

    assert [command for command, _ in commands] == ["pytest", "pytest"]
    assert nodes == ["test_odd.py::test_fixture", "test_odd.py::test_parameter[a/b c]"]
    assert "2 failed" in again.stdout, again.stdout


def test_commands_are_relative_to_where_pytest_was_started(tmp_path: Path) -> None:
    """A configuration file further up makes no difference."""
    (tmp_path / "pytest.ini").touch()
    below = tmp_path / "below"
    below.mkdir()
    done = run(below, "-k", "plain or fixture", test_odd=TESTS)
    lines = {name.rpartition("::")[2]: line for name, line in done.lines.items()}

    assert lines["test_plain"].endswith(" test_odd.py:test_plain")
    assert lines["test_fixture"].endswith(" pytest test_odd.py::test_fixture")


def test_how_a_test_ends_is_left_to_pytest(done: Done) -> None:
    """Skipped, expected to fail, or turning cases away: pytest says so as of any other test."""
    assert "6 failed, 2 passed, 2 skipped, 1 xfailed" in done.text
    assert "not here" in done.text or "skipped" in done.text


def test_a_parameter_has_a_line_of_its_own(done: Done) -> None:
    """Each parameter's test has a verdict, and each failing one a file."""
    assert done.lines["test_parameter[right]"].startswith("match")
    assert done.lines["test_parameter[a/b c]"].startswith("wrong")
    assert "test_odd.py-test_parameter-a-b-c.npz" in done.saved
    assert "test_odd.py-test_parameter-right.npz" not in done.saved


def test_what_is_expected_to_fail_is_not_saved(done: Done) -> None:
    """Such a test has nothing to be looked into, and no line, like one that is skipped."""
    assert "test_odd.py-test_known.npz" not in done.saved
    assert "test_known" not in done.lines
    assert "test_never" not in done.lines


def test_what_was_not_judged_is_not_called_invalid(done: Done) -> None:
    """A test that skips itself has no line; one that turns cases away has that of the others."""
    assert "test_skips" not in done.lines
    assert done.lines["test_turns_away"].startswith("match")


def test_what_is_turned_away_while_a_failure_is_explained_ends_no_run(tmp_path: Path) -> None:
    """Hints are looked for on other cases, too, some of which the test turns away."""
    picky = PLANTED + (
        "import hypothesis, rnnverify\n"
        '@rnnverify.gradient_test("char_rnn", cases=3)\n'
        "def test_picky(case):\n"
        "    hypothesis.assume(case.dims['T'] > 2)\n"
        "    return wrong(case)\n"
    )
    done = run(tmp_path, test_picky=picky)

    assert "INTERNALERROR" not in done.text
    assert done.status == 1
    assert done.lines["test_picky"].startswith("wrong")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """A case that cannot be saved costs no more than itself."""
    (tmp_path / "file").touch()
    asked = ("-k", "plain or known", "--rnnverify-save=file/here")
    done = run(tmp_path, *asked, test_odd=TESTS)

    assert "INTERNALERROR" not in done.text
    assert done.status == 1
    assert "dWhh" in done.section("test_plain")


pytestmark = pytest.mark.xdist_group("pytest")  # one worker, which runs what they share once
