"""The commands that the pytest plugin shows, and tests that end in other ways than most."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from rnnverify.cli import cli
from tests.pytest_runs import PLANTED, Done, run

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
    "name",
    [
        "test_plain",
        pytest.param("test_own", marks=pytest.mark.xfail(reason="names no --system")),
        pytest.param("TestMethods::test_it", marks=pytest.mark.xfail(reason="has no instance")),
        pytest.param("test_fixture", marks=pytest.mark.xfail(reason="has no fixture")),
        pytest.param("test_parameter[a/b c]", marks=pytest.mark.xfail(reason="has no parameter")),
        pytest.param("test_adds_up", marks=pytest.mark.xfail(reason="is called only once")),
    ],
)
def test_the_command_that_is_shown_works(
    name: str, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails as the test did, or names no candidate, where only pytest could call it."""
    monkeypatch.chdir(done.folder)
    program, *words = done.replay(name)
    result = CliRunner().invoke(cli, words)
    named = words[2:] != []

    assert program == "rnnverify"
    assert result.exit_code == (1 if named else 0), result.output


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
    """Such a test has its verdict in the summary, but nothing to be looked into."""
    assert done.lines["test_known"].startswith("wrong")
    assert "replay:" not in done.lines["test_known"]
    assert "test_odd.py-test_known.npz" not in done.saved
    assert "test_never" not in done.lines


@pytest.mark.xfail(reason="what is passed on counts as an invalid case")
@pytest.mark.parametrize("name", ["test_skips", "test_turns_away"])
def test_what_was_not_judged_is_not_called_invalid(name: str, done: Done) -> None:
    """A test that skips itself has no verdict; one that turns cases away has that of the others."""
    assert "invalid" not in done.lines.get(name, "")


@pytest.mark.xfail(reason="an INTERNALERROR, which ends pytest's whole run")
def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """A case that cannot be saved costs no more than itself."""
    (tmp_path / "file").touch()
    asked = ("-k", "plain or known", "--rnnverify-save=file/here")
    done = run(tmp_path, *asked, test_odd=TESTS)

    assert "INTERNALERROR" not in done.text
    assert done.status == 1
    assert "dWhh" in done.section("test_plain")


pytestmark = pytest.mark.xdist_group("pytest")  # one worker, which runs what they share once
