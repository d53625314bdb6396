"""Imports point downwards, models know nothing of JAX, and importing is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rnnverify

ROOT = Path(rnnverify.__file__).parent
LEVELS = {
    0: "records axes scales deadlines files",
    1: "verdicts terms clipping references adapters archives drawing",
    2: "results models loops edits comparing thresholds systems",
    3: "builtin calling defining padding regimes restrictions rounding shapes sources tallying",
    4: "unrolling strategies statistics storage conventions mutants reports",
    5: "programs",
    6: "evaluation",
    7: "questions",
    8: "ratios",
    9: "checker",
    10: "locating hygiene blame runs diagnosis",
    11: "explaining execution",
    12: "runner trials corpora",
    13: "testing surveys gating",
    14: "cli examples pytest_plugin",
}
LEVEL = {name: level for level, names in LEVELS.items() for name in names.split()}
ANYBODY = {"errors", ""}
"""Errors may be imported by all; "" is the package itself, for its version."""


def imports(source: str) -> set[str]:
    """Return the modules of rnnverify that source code imports, in any form, as dotted paths."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(str(node.module))
            if node.module == "rnnverify":
                found |= {f"rnnverify.{alias.name}" for alias in node.names if alias.name[0] != "_"}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {ast.literal_eval(arg) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def room(dotted: str) -> str:
    """Return the top-level module or package of rnnverify that a dotted path is in."""
    return dotted.split(".")[1] if "." in dotted else ""


def violations(path: Path, source: str) -> list[str]:
    """Return the imports of a file of the package that do not point downwards."""
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return []
    used = {room(name) for name in imports(source) if name.split(".")[0] == "rnnverify"}
    upward = {name for name in used - ANYBODY - {own} if LEVEL[name] >= LEVEL[own]}
    if own == "references":
        upward |= used & {"models", "clipping"}
    if own == "models" and any(name.split(".")[0] in ("jax", "optax") for name in imports(source)):
        upward.add("jax")
    return [f"{path.name} imports {name}" for name in sorted(upward)]


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    """No file imports from its own level or a higher one."""
    assert violations(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("records.py", "from rnnverify.checker import check"),
        ("records.py", "import rnnverify.runner"),
        ("checker.py", "from rnnverify import runner"),
        ("checker.py", "def f():\n    from rnnverify.cli import main"),
        ("systems.py", "import_module('rnnverify.programs')"),
        ("references/char_rnn.py", "from rnnverify.clipping import norm"),
        ("references/char_rnn.py", "from rnnverify.models.char_rnn import gradients"),
        ("models/char_rnn.py", "import jax.numpy as jnp"),
        ("models/char_rnn.py", "from jax import numpy"),
        ("padding.py", "import rnnverify.regimes"),
    ],
)
def test_an_import_upwards_is_found(file: str, source: str) -> None:
    """Each form of import is seen, and each forbidden one is named."""
    assert violations(ROOT / file, source) != []


def test_only_public_jax_is_used() -> None:
    """Nothing is imported from ``jax._src``, or any other private module."""
    for path in FILES:
        for name in imports(path.read_text()):
            assert not any(part.startswith("_") for part in name.split("."))


def test_no_module_bears_the_name_of_a_public_function() -> None:
    """``rnnverify.verify`` is a function, whatever has been imported before."""
    modules = {path.stem for path in ROOT.glob("*.py")} | {p.name for p in ROOT.iterdir()}

    assert modules.isdisjoint(rnnverify.__all__)


def run_python(code: str) -> str:
    """Run code in a new interpreter and return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_importing_rnnverify_imports_next_to_nothing() -> None:
    """Neither JAX, nor Hypothesis, nor NumPy is imported before a name is used."""
    heavy = ("jax", "numpy", "hypothesis", "optax", "rich", "click")
    code = f"import sys, rnnverify; print([m for m in {heavy} if m in sys.modules])"

    assert run_python(code).strip() == "[]"


def test_loading_the_pytest_plugin_imports_next_to_nothing() -> None:
    """It is loaded for every test run of an environment, whether it needs it or not."""
    heavy = ("jax", "numpy", "hypothesis", "rnnverify.testing", "rnnverify.records")
    code = f"import sys, rnnverify.pytest_plugin; print([m for m in {heavy} if m in sys.modules])"

    assert run_python(code).strip() == "[]"


def test_importing_the_adapters_imports_neither_jax_nor_torch() -> None:
    """They are imported by the adapters that need them, when they are called."""
    code = "import sys, rnnverify.adapters; print({'jax', 'torch'} & set(sys.modules))"

    assert run_python(code).strip() == "set()"


def test_public_names_are_there() -> None:
    """Every name that the package lists can be had, and no other."""
    for name in rnnverify.__all__:
        assert getattr(rnnverify, name) is not None
    assert set(rnnverify.__all__) <= set(dir(rnnverify))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rnnverify.nothing


def test_the_models_can_be_used_without_jax() -> None:
    """Importing a model does not import JAX."""
    code = "import sys, rnnverify.models.char_rnn; print('jax' in sys.modules)"

    assert run_python(code).strip() == "False"
