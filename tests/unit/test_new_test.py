"""``rnnverify new-test``: a test file for somebody's function, which only lacks what it must."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rnnverify.builtin import SYSTEMS
from rnnverify.cli import cli
from tests.pytest_runs import program

CODE = """
import rnnverify

def of_case(case):
    return {{}}

def of_others(weights, lr=0.1):
    return {{}}

def learning(Wxh, lr, momentum):
    return {{}}

def mixed(lr, Wxh, Whh):
    return {{}}

def keywords(*, Wxh, Whh):
    return {{}}

def backward({parameters}):
    case = rnnverify.find_system("{system}").case(locals())
    return rnnverify.find_system("{system}").gradients(case)

def other({parameters}):
    returned = dict(backward({parameters}))
    return returned | {{"{weight}": -returned["{weight}"]}}

class Net:
    def backward(self, Wxh, Whh):
        return {{}}

net = Net()

CELL = rnnverify.System(
    name="my_cell",
    weights={{"W": "H H"}},
    state={{"h0": "H"}},
    inputs={{"x": "T H", "loss_weights": rnnverify.loss_weights("T")}},
    loss=lambda arrays: 0.0,
)
"""


def code_for(system: str) -> str:
    """Return code whose functions take all arrays of a system."""
    parameters, weight = ", ".join(SYSTEMS[system].arrays), next(iter(SYSTEMS[system].weights))
    return CODE.format(system=system, parameters=parameters, weight=weight)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with code for char_rnn in it, as the current one."""
    (tmp_path / "my_code.py").write_text(code_for("char_rnn"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new_test(function: str, *words: str, system: str = "char_rnn") -> Result:
    """Write a test of one of the file's functions."""
    asked = ("--system", system, f"my_code.py:{function}", *words)
    return CliRunner().invoke(cli, ["new-test", *asked])


def written(function: str, *, system: str = "char_rnn") -> str:
    """Return a test of one of the file's functions."""
    result = new_test(function, "--output", "-", system=system)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def pytest_on(folder: Path, test: str) -> tuple[int, str]:
    """Run pytest on what was written, in the way that ``new-test`` says."""
    options = ("-p", "no:cacheprovider", "--rnnverify-cases=10")
    done = program(folder, sys.executable, "-m", "pytest", *options, test)
    return done.returncode, done.stdout


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("function", ["of_case", "of_others", "backward"])
def test_what_is_written_is_python(system: str, function: str, folder: Path) -> None:
    """For every system, and however a function is called, the file can be compiled."""
    name = f"for_{system}"
    (folder / f"{name}.py").write_text(code_for(system))
    words = ("--system", system, f"{name}.py:{function}", "--output", "-")
    text = CliRunner().invoke(cli, ["new-test", *words]).stdout

    compile(text, "written", "exec")
    assert f'@rnnverify.gradient_test("{system}")' in text
    assert f"from {name} import {function}" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_function_that_takes_arrays_is_ready(folder: Path) -> None:
    """Where parameters are arrays, and gradients come by name, the file passes as it stands."""
    result = new_test("backward")
    code, text = pytest_on(folder, "test_backward.py")

    assert result.exit_code == 0
    assert "wrote test_backward.py" in result.stdout
    assert "run: python -m pytest test_backward.py" in result.stdout
    assert (code, "match " in text) == (0, True), text


def test_a_function_that_is_wrong_fails(folder: Path) -> None:
    """The same file fails for a function that has a bug, and names the gradient."""
    new_test("other")
    code, text = pytest_on(folder, "test_other.py")

    assert code == 1
    assert "MismatchError: wrong: char_rnn: dWxh[" in text


def test_a_test_in_another_folder_finds_the_code(folder: Path) -> None:
    """With ``--output tests/...``, as the examples have it, the file is ready, too."""
    (folder / "tests").mkdir()
    new_test("backward", "--output", "tests/test_it.py")
    code, text = pytest_on(folder, "tests/test_it.py")

    assert code == 0, text


@pytest.mark.usefixtures("folder")
def test_a_function_that_takes_a_case_is_handed_it() -> None:
    """A function with one parameter that is no array is a candidate already."""
    text = written("of_case")

    assert "    return of_case(case)\n" in text
    assert "FILL IN" not in text


@pytest.mark.usefixtures("folder")
def test_all_that_is_missing_is_marked() -> None:
    """Parameters that are no arrays are left to be filled in, and those that are are not."""
    text = written("learning")

    assert "    # FILL IN: lr, momentum\n" in text
    assert "gradients = learning(Wxh=Wxh, lr=..., momentum=...)" in text
    assert "FILL IN: where each gradient is" in text


@pytest.mark.usefixtures("folder")
def test_axes_and_kinds_are_told() -> None:
    """Each array's axes stand beside it, and what its entries are; so do those of gradients."""
    text = written("backward")

    assert 'Wxh = case["Wxh"]  # (H, V)\n' in text
    assert 'inputs = case["inputs"]  # (T), token ids\n' in text
    assert 'loss_weights = case["loss_weights"]  # (T), the weights of the steps\' losses\n' in text
    assert '"Whh": gradients["Whh"],  # (H, H)\n' in text
    assert "T time steps, V vocabulary, H hidden units" in text
    assert 'fixed={"loss_weights": 1, "h0": 0}' in text


@pytest.mark.usefixtures("folder")
def test_a_function_of_a_package_is_imported_from_there() -> None:
    """A dotted name is imported as it is."""
    words = ("--system", "char_rnn", "rnnverify.models.char_rnn:gradients", "--output", "-")
    text = CliRunner().invoke(cli, ["new-test", *words]).stdout

    assert "from rnnverify.models.char_rnn import gradients\n" in text


@pytest.mark.usefixtures("folder")
def test_a_bound_method_is_called() -> None:
    """An object's method is called by its dotted name, and the object is imported."""
    text = written("net.backward")

    compile(text, "written", "exec")
    assert "from my_code import net\n" in text
    assert "def test_net_backward(case):" in text
    assert "gradients = net.backward(Wxh=Wxh, Whh=Whh)" in text


@pytest.mark.parametrize("function", ["mixed", "Net.backward"])
@pytest.mark.usefixtures("folder")
def test_parameters_may_come_in_any_order(function: str) -> None:
    """What is no array may come first in a function's parameters."""
    compile(written(function), "written", "exec")


@pytest.mark.usefixtures("folder")
def test_parameters_may_be_keywords() -> None:
    """A parameter that must be named is named."""
    assert "keywords(Wxh=Wxh, Whh=Whh)" in written("keywords")


def test_a_file_that_cannot_be_imported_is_refused(folder: Path) -> None:
    """What is written could not import a file whose name is no Python name."""
    (folder / "my-code.py").write_text(code_for("char_rnn"))
    words = ("--system", "char_rnn", "my-code.py:of_case", "--output", "-")

    assert CliRunner().invoke(cli, ["new-test", *words]).exit_code == 2


@pytest.mark.usefixtures("folder")
def test_a_system_of_ones_own_is_imported() -> None:
    """It is imported beside the function, and its arrays are those that are told."""
    text = written("of_others", system="my_code.py:CELL")

    compile(text, "written", "exec")
    assert "from my_code import CELL\n" in text
    assert "@rnnverify.gradient_test(CELL)\n" in text
    assert 'W = case["W"]  # (H, H)\n' in text
    assert '"h0": gradients["h0"],  # (H)\n' in text


def test_no_file_is_lost(folder: Path) -> None:
    """A file that is there stays as it is, unless ``--force`` says otherwise."""
    (folder / "test_of_case.py").write_text("mine")
    refused = new_test("of_case")

    assert refused.exit_code == 2
    assert "--output: test_of_case.py exists; name another file, or say --force" in refused.stderr
    assert (folder / "test_of_case.py").read_text() == "mine"
    assert new_test("of_case", "--force").exit_code == 0
    assert "gradient_test" in (folder / "test_of_case.py").read_text()


def test_the_file_may_be_named(folder: Path) -> None:
    """``--output`` names a file, and only that is written; with ``-`` there is none."""
    before = set(folder.iterdir())
    new_test("of_case", "--output", "-")
    assert set(folder.iterdir()) - before <= {folder / "__pycache__"}

    new_test("of_case", "--output", "other.py")
    assert "def test_of_case(case):" in (folder / "other.py").read_text()
    assert not (folder / "test_of_case.py").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("my_code.py:of_case", "Missing option '--system'"),
        ("--system lstn my_code.py:of_case", "did you mean 'lstm'"),
        ("--system char_rnn my_code.py:missing", "has no 'missing'"),
        ("--system char_rnn my_code.py:CELL", "is no function, but a System"),
        ("--system char_rnn my_code.py", "names nothing"),
        ("--system char_rnn missing.py:f", "there is no file missing.py"),
        ("--system my_code.py:of_case my_code.py:of_case", "is no rnnverify.System"),
        ("--system char_rnn my_code.py:of_case --output no/test.py", "--output: cannot write"),
    ],
)
def test_bad_usage_is_named(folder: Path, words: str, said: str) -> None:
    """Exit code 2, what was wrong, no traceback, and no file."""
    result = CliRunner().invoke(cli, ["new-test", *words.split()])

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(folder.glob("test_*.py"))
