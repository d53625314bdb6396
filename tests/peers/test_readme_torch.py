"""README's worked example in torch, run as it stands."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import rnnverify

pytest.importorskip("torch")

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """Return README's block that is the file of that name."""
    (found,) = re.findall(rf"^```python\n(# {name}\n.*?)^```", README, re.MULTILINE | re.DOTALL)
    return str(found)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, bug: str = "", instead: str = "") -> None:
    """Run README's test of its cell, with something replaced in the cell."""
    code = block("my_cell.py")
    assert bug in code
    (folder / "my_cell.py").write_text(code.replace(bug, instead) if bug else code)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "my_cell", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    scope: dict[str, Any] = {}
    exec(block("test_my_cell.py"), scope)  # noqa: S102 - README's own example
    scope["test_my_cell"]()


def test_the_worked_example_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The autograd function of README is right."""
    run(tmp_path, monkeypatch)


def test_a_missing_transpose_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one .T left out, README's test fails, and names what lies before it."""
    with pytest.raises(rnnverify.MismatchError) as raised:
        run(tmp_path, monkeypatch, "da @ Wh.T", "da @ Wh")

    report = raised.value.report
    assert isinstance(report, rnnverify.Report)
    assert {name for name, each in report.gradients.items() if each.differ} >= {"h0", "x", "Wx"}
