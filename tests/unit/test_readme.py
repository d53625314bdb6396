"""README says what is so: its commands, its examples, and the output that it shows."""

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import rnnverify
from rnnverify.builtin import SYSTEMS
from rnnverify.cli import cli
from rnnverify.models import char_rnn
from rnnverify.mutants import CATALOGUE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WRONG = ROOT / "tests" / "examples" / "my_rnn.py"


def blocks(language: str) -> list[str]:
    """Return README's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_there_are_two_commands() -> None:
    """One installs and runs the main job, one installs and runs the tests."""
    main, tests = (block.strip() for block in blocks("sh"))

    assert main.endswith("rnnverify verify")
    assert "pytest" in tests


def test_the_first_screen_is_really_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its command, run on its wrong file, prints its output, but for the figures."""
    command, _, shown = blocks("text")[0].partition("\n")
    (tmp_path / "my_rnn.py").write_text(WRONG.read_text())
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, command.removeprefix("$ rnnverify ").split())

    assert result.exit_code == 1
    assert without_figures(result.stdout) == without_figures(shown)


def without_figures(text: str) -> list[str]:
    """Return a text's words, numbers masked: processors differ in last digits."""
    return re.sub(r"-?\d[\d.]*(e[+-]?\d+)?%?", "#", text).split()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@pytest.mark.parametrize("block", [b for b in blocks("python") if "from my_rnn" in b])
def test_the_examples_work(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example, run as it stands, passes for the model and fails for the wrong file."""
    example(block, char_rnn, monkeypatch)()
    with pytest.raises(AssertionError):
        example(block, wrong_file(), monkeypatch)()


def test_the_example_of_a_random_gradient_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as it stands, it passes for an estimator that is right on average, and only then."""
    (block,) = (b for b in blocks("python") if "my_estimator" in b)
    for mean in (0.0, 1.0):
        module, scope = ModuleType("my_estimator"), dict[str, Any]()
        vars(module)["estimate"] = lambda random, mean=mean: {"W": random.normal(mean, size=3)}
        vars(module)["expectation"] = {"W": np.zeros(3)}
        monkeypatch.setitem(sys.modules, "my_estimator", module)
        exec(block, scope)  # noqa: S102 - README's own example
        with nullcontext() if mean == 0 else pytest.raises(AssertionError, match="is expected"):
            scope["test_my_estimator"]()


FILES = {re.findall(r"# (\w+)\.py", block)[0]: block for block in blocks("python") if "# " in block}
"""README's blocks that are files, by the modules' names."""
BUGS = {
    "min_char_rnn": ("dhnext = Whh.T @ draw", "dhnext = Whh @ draw"),
    "my_jax_cell": ("W.T @ da, U.T @ da", "W @ da, U.T @ da"),
}


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@pytest.mark.parametrize("module", BUGS)
def test_the_worked_examples_work(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each, run as it stands, passes, and fails with a bug put into its code."""
    worked_example(module, tmp_path, monkeypatch)
    with pytest.raises(rnnverify.MismatchError):
        worked_example(module, tmp_path, monkeypatch, BUGS[module])


def worked_example(
    module: str, folder: Path, monkeypatch: pytest.MonkeyPatch, bug: tuple[str, str] = ("", "")
) -> None:
    """Run README's test of README's module, with something replaced in the module."""
    assert bug[0] in FILES[module]
    (folder / f"{module}.py").write_text(FILES[module].replace(*bug) if bug[0] else FILES[module])
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    scope: dict[str, Any] = {}
    exec(FILES[f"test_{module}"], scope)  # noqa: S102 - README's own example
    scope[f"test_{module}"]()


def test_the_example_of_a_system_works() -> None:
    """The system with a step verifies a backward pass written for it, and finds a transpose."""
    scope: dict[str, Any] = {}
    exec(FILES["my_system"], scope)  # noqa: S102 - README's own example

    def backward(case: rnnverify.Case, *, wrong: bool = False) -> dict[str, Any]:
        W, U, x, w = case["W"], case["U"], case["x"], case["loss_weights"]
        h = [case["h0"]]
        for x_t in x:
            h.append(np.tanh(W @ h[-1] + U @ x_t))
        dW, dU, dh = np.zeros_like(W), np.zeros_like(U), np.zeros_like(h[0])
        for t in reversed(range(len(x))):
            da = (1 - h[t + 1] ** 2) * (dh + 2 * w[t] * (h[t + 1] - case["y"][t]))
            dW, dU, dh = dW + np.outer(da, h[t]), dU + np.outer(da, x[t]), W.T @ da
        return {"W": dW, "U": dU, "h0": W @ da if wrong else dh}

    assert rnnverify.verify(backward, scope["SYSTEM"], cases=60).ok
    wrong = rnnverify.verify(partial(backward, wrong=True), scope["SYSTEM"], cases=60)
    assert wrong.failure is not None
    assert wrong.failure.gradient == "h0"


def example(block: str, my_rnn: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return the test that an example defines, with ``my_rnn`` being some module."""
    scope: dict[str, Any] = {}
    monkeypatch.setitem(sys.modules, "my_rnn", my_rnn)
    exec(block, scope)  # noqa: S102 - README's own example
    test: Callable[[], None] = scope["test_my_gradients"]
    return test


def wrong_file() -> ModuleType:
    """Return README's wrong file as a module."""
    module = ModuleType("my_rnn")
    exec(WRONG.read_text(), module.__dict__)  # noqa: S102 - our own file
    return module


def test_every_system_is_described() -> None:
    """README's table has a row for each system, with its gradients."""
    for system in SYSTEMS.values():
        assert f"| `{system.name}` | {', '.join(system.leaves)} |" in README


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_its_figures(system: str, dtype: str) -> None:
    """README's table of false alarms has a row for each system, in both dtypes."""
    assert f"| `{system}` | {dtype} |" in README


def test_every_verdict_is_explained() -> None:
    """README's table has a row for each verdict."""
    from rnnverify.verdicts import VERDICT_KINDS  # noqa: PLC0415

    for kind in VERDICT_KINDS:
        assert f"| `{kind}` |" in README


def test_public_names_in_readme_exist() -> None:
    """Whatever README calls by ``rnnverify.name`` is there."""
    for name in re.findall(r"\brnnverify\.([A-Za-z_]+)\(", README):
        assert name in rnnverify.__all__


def test_the_catalogue_is_as_large_as_is_said() -> None:
    """README counts the mutants, and its table has a row for each system."""
    assert f"{sum(map(len, CATALOGUE.values()))} bugs that people make" in README
    for system, mutants in CATALOGUE.items():
        assert f"| `{system}` | {len(mutants)} |" in README
