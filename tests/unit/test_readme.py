"""README says what is so: its commands, its examples, and the output that it shows."""

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
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
@pytest.mark.parametrize("block", [b for b in blocks("python") if "my_rnn" in b])
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
    """README's table of false alarms has a row for each system's model, in both dtypes."""
    assert f"| `{system}` | model | {dtype} |" in README


def test_every_verdict_is_explained() -> None:
    """README's table has a row for each verdict."""
    from rnnverify.results import VERDICT_KINDS  # noqa: PLC0415

    for kind in VERDICT_KINDS:
        assert f"| `{kind}` |" in README


def test_public_names_in_readme_exist() -> None:
    """Whatever README calls by ``rnnverify.name`` is there."""
    for name in re.findall(r"\brnnverify\.([A-Za-z_]+)\(", README):
        assert name in rnnverify.__all__
