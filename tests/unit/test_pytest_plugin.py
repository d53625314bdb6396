"""The pytest plugin, in runs of pytest of their own: what it shows, saves, and leaves alone."""

import re
import sys
from pathlib import Path

import pytest

from rnnverify.storage import load_stored
from tests.pytest_runs import PLANTED, Done, program
from tests.pytest_runs import run as run_on

pytestmark = pytest.mark.xdist_group("pytest")  # one worker, which runs what they share once
TESTS = """
import rnnverify
from planted import right, wrong

@rnnverify.gradient_test("char_rnn", cases=6)
def test_right(case):
    return right(case)

@rnnverify.gradient_test("char_rnn", cases=6, clip=["none", "value:5"])
def test_wrong(case):
    return wrong(case)

@rnnverify.gradient_test("char_rnn", cases=100)
def test_rare(case):
    return wrong(case) if case.dims["T"] >= 7 else right(case)

@rnnverify.gradient_test("char_rnn", cases=6, fixed={"loss_weights": 0})
def test_weak(case):
    return right(case)

@rnnverify.gradient_test("char_rnn", cases=6)
def test_raises(case):
    raise KeyError("not today")

@rnnverify.gradient_test("char_rnn", cases=6)
def test_unweighted(case):
    ones = case["loss_weights"] * 0 + 1
    return right(case.with_arrays({"loss_weights": ones}))

def test_of_something_else():
    assert True
"""


def run(folder: Path, *options: str, tests: str = TESTS) -> Done:
    """Run pytest in a folder, on a file of tests."""
    return run_on(folder, *options, planted=PLANTED, test_it=tests)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Return a plain run."""
    return run(tmp_path_factory.mktemp("first"), "--hypothesis-seed=1")


def test_each_gradient_test_has_its_line(first: Done) -> None:
    """The summary has verdict, cases, digits and worst error of each, and of nothing else."""
    lines = first.lines

    assert first.status == 1
    assert {name: line.split()[0] for name, line in lines.items()} == {
        "test_right": "match",
        "test_wrong": "wrong",
        "test_rare": "wrong",
        "test_weak": "inconclusive",
        "test_raises": "invalid",
        "test_unweighted": "wrong",
    }
    shown = r"match +test_it\.py::test_right  clip none: 6 cases, \d+\.\d digits, worst .* toleran"
    assert re.match(shown, lines["test_right"])
    assert re.match(r"wrong +test_it\.py::test_wrong  failed in case 1, ", lines["test_wrong"])
    failed_at = re.search(r"failed in case (\d+), ", lines["test_rare"])
    assert failed_at is not None
    assert 1 < int(failed_at[1]) <= 100
    assert "replay:" not in lines["test_right"] + lines["test_weak"]


def test_a_failure_is_explained(first: Done) -> None:
    """Its section names the entry, the step, the side at fault, and how to show it again."""
    section = first.section("test_wrong")

    assert "MismatchError: wrong: char_rnn: dWhh[0, 0] = " in section
    assert "(the loss of step 0 alone shows it)" in section
    assert "its loss is right, so it is the backward pass that is wrong" in section
    assert "replay: rnnverify replay " in section


def test_a_hint_says_what_could_be_declared(first: Done) -> None:
    """Code that ignores its loss weights is told how to say so; code that does not, is not."""
    assert "hint: it matches where loss_weights is 1" in first.section("test_unweighted")
    assert "hint:" not in first.section("test_wrong")


def test_too_little_that_is_conclusive_is_no_pass(first: Done) -> None:
    """A test fails in which no case says anything, and names the gradients."""
    assert "InconclusiveError" in first.section("test_weak")
    assert "conclusive in too few cases: Wxh" in first.section("test_weak")


def test_failing_cases_are_saved_in_pytests_cache(first: Done) -> None:
    """Each test that a case fails has a file there, and no other does."""
    names = ("raises", "rare", "unweighted", "wrong")

    assert first.saved == [f"test_it.py-test_{name}.npz" for name in names]
    path = first.folder / ".pytest_cache" / "d" / "rnnverify" / "test_it.py-test_wrong.npz"
    stored = load_stored(path)
    assert stored.candidate == "test_wrong"
    assert stored.message.startswith("char_rnn: dWhh[0, 0] = ")
    assert first.replay("test_wrong") == ["rnnverify", "replay", str(path), "test_it.py:test_wrong"]


def test_the_command_that_is_shown_works(first: Done) -> None:
    """What the summary says, run as it stands, shows the same gradient, and fails."""
    name, *words = first.replay("test_wrong")
    again = program(first.folder, str(Path(sys.executable).with_name(name)), *words)

    assert again.returncode == 1, again.stderr
    assert "WRONG  char_rnn" in again.stdout
    assert "dWhh: wrong" in again.stdout
    assert "dWxh: match" in again.stdout


def test_a_failure_is_found_again_at_once(tmp_path: Path) -> None:
    """The database of examples is used: then one case is enough; and it is saved where asked."""
    asked = ("-k", "rare or right", "--rnnverify-save=kept/here")
    before = run(tmp_path, *asked)
    (tmp_path / "kept" / "here" / "test_it.py-test_rare.npz").unlink()
    after = run(tmp_path, *asked, "--rnnverify-cases=1")

    assert (before.status, after.status) == (1, 1)
    assert after.lines["test_rare"].startswith("wrong")
    assert "clip none: 1 cases" in after.lines["test_right"]
    assert after.saved == ["test_it.py-test_rare.npz"]
    assert after.replay("test_rare")[2] == "kept/here/test_it.py-test_rare.npz"


def test_the_seed_decides_and_nothing_is_left_behind(first: Done, tmp_path: Path) -> None:
    """The same seed fails in the same case; without pytest's cache, no case is saved."""
    again = run(tmp_path, "--hypothesis-seed=1", "-p", "no:cacheprovider", "-k", "rare")

    assert again.status == 1
    assert _case(again.section("test_rare")) == _case(first.section("test_rare"))
    assert not again.saved
    assert again.replay("test_rare") == ["pytest", "test_it.py::test_rare"]


def _case(section: str) -> list[str]:
    """Return the arrays of the case that a failure shows."""
    return re.findall(r"^E +(\w+ = \[.*)", section, re.MULTILINE)


def test_workers_report_to_the_controller(tmp_path: Path) -> None:
    """Under xdist, each test has one line, and ``--rnnverify-cases`` reaches the workers."""
    asked = ("-n", "2", "--rnnverify-cases=1", "-k", "right or wrong or rare")
    done = run(tmp_path, *asked)

    assert set(done.lines) == {"test_right", "test_wrong", "test_rare"}
    assert len(re.findall(r"^\w+ +test_it\.py::test_right  ", done.text, re.MULTILINE)) == 1
    assert "1 cases" in done.lines["test_right"]
    assert done.lines["test_rare"].startswith("match")
    assert done.saved == ["test_it.py-test_wrong.npz"]
    assert "replay:" in done.lines["test_wrong"]


def test_tests_of_other_things_are_left_alone(tmp_path: Path) -> None:
    """Where no test is of ours, NumPy and JAX are not loaded, and nothing is shown."""
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_sessionfinish():\n"
        "    assert 'rnnverify.pytest_plugin' in sys.modules\n"
        "    assert not {'jax', 'numpy', 'hypothesis'} & set(sys.modules)\n"
    )
    tests = "import pytest\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test(n):\n    assert n\n"
    done = run(tmp_path, tests=tests)

    assert done.status == 0, done.text
    assert "2 passed" in done.text
    assert "rnnverify =" not in done.text
    assert not done.saved


@pytest.mark.parametrize("cases", [0, -1])
def test_too_few_cases_are_refused(cases: int, tmp_path: Path) -> None:
    """A number of cases that would test nothing is a usage error, before any test is run."""
    done = run(tmp_path, f"--rnnverify-cases={cases}")

    assert done.status == pytest.ExitCode.USAGE_ERROR
    assert f"--rnnverify-cases: {cases} is too few; at least 1 is needed" in done.text


def test_the_options_are_listed(tmp_path: Path) -> None:
    """``pytest --help`` has them in a group of their own."""
    text = run(tmp_path, "--help").text

    assert "checks of hand-written gradients" in text
    assert "--rnnverify-cases" in text
    assert "--rnnverify-save" in text
