"""A gate in tests: a project with code and one check, and what runs the command on it."""

import json
import sys
from pathlib import Path
from typing import Any

from click.testing import Result

import rnnverify.gating.doubts  # noqa: F401 - before a test patches what it takes from others
from rnnverify.cli.loading import module_name
from rnnverify.cli.planning import GateOptions
from rnnverify.cli.requests import Options
from rnnverify.gating.baselines import Entry, Figures
from rnnverify.verdicts import VerdictKind
from tests.commands import document, run

BASE = Options(
    candidate=None,
    system=(),
    clip=(),
    dtype=(),
    cases=200,
    seed=0,
    case=None,
    text=None,
    truncate=None,
    lengths=False,
    gradients=(),
    scale="1",
    dims=(),
    fixed=(),
    clip_over=(),
    digits=None,
    timeout=60.0,
    save=None,
    target=None,
    cache=True,
)
CODE = """
import time
import numpy as np
from rnnverify.models.char_rnn import gradients as model

def gradients(case):
    return dict(model(case))
"""
WRONG = """
def gradients(case):
    return model(case) | {"Whh": -model(case)["Whh"]}
"""
RARELY_WRONG = """
def gradients(case):
    found = dict(model(case))
    return found | {"by": 2 * found["by"]} if case.dims == {"T": 3, "V": 7, "H": 2} else found
"""
CHECK = """
[[tool.rnnverify.check]]
candidate = "my_rnn.py:gradients"
system = "char_rnn"
cases = 12
"""


def begin(folder: Path) -> Path:
    """Write right code and one check."""
    (folder / "my_rnn.py").write_text(CODE)
    (folder / "pyproject.toml").write_text(CHECK)
    return folder


def gate(*words: str) -> Result:
    """Run the gate with its JSON on standard output."""
    return run("gate", "--baseline", "b.json", "--json", "-", *words)


def made(*words: str) -> None:
    """Make the baseline."""
    result = gate("--update", *words)
    assert result.exit_code == 0, result.stderr


def edit(folder: Path, code: str) -> None:
    """Change the candidate."""
    (folder / "my_rnn.py").write_text(CODE + code)
    sys.modules.pop(module_name(folder / "my_rnn.py"), None)  # as a new process would


def held_to(folder: Path, line: str) -> None:
    """Let the check say more."""
    (folder / "pyproject.toml").write_text(CHECK + line)


def kinds(result: Result) -> list[str]:
    """Return the kinds of regressions that were found."""
    found = document(result)
    assert found["kept"] == (result.exit_code == 0)
    return [each["kind"] for each in found["regressions"]]


def kept() -> dict[str, Any]:
    """Return what the baseline holds."""
    read: dict[str, Any] = json.loads(Path("b.json").read_text())
    return read


def options(**changes: Any) -> GateOptions:
    """Return a command line that says nothing."""
    given: dict[str, Any] = {
        "each": BASE,
        "candidates": (),
        "cases": None,
        "seed": None,
        "baseline": None,
        "update": False,
        "explore": None,
        "corpus": None,
        "slowdown": None,
        "mutants": None,
    }
    return GateOptions(**given | changes)


def known(verdict: VerdictKind) -> Entry:
    """Return what a baseline knows of a check."""
    figures = Figures(verdict=verdict, conclusive=90.0, active=0.0, gradients={})
    return Entry(cases=5, seed=3, regimes=(), clips={"none": figures})
