"""Generic mutants: the user's own source is changed in a copy of it."""

import functools
import importlib
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rnnverify.checker import check
from rnnverify.edits.functions import Edit, edits_of
from rnnverify.errors import UsageError
from tests.support import char_rnn_case

EXAMPLE = Path(__file__).parents[1] / "examples" / "my_rnn.py"


def module_of(folder: Path, source: str, name: str = "users") -> ModuleType:
    """Return source code as a module, loaded from a file of its own."""
    (folder / f"{name}.py").write_text(source)
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that modules are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("users", "theirs"):
        sys.modules.pop(name, None)


def results(edits: list[Edit], *arguments: object) -> dict[str, object]:
    """Return what each changed function returns, by the changed statement."""
    return {edit.after: edit.candidate(*arguments) for edit in edits}  # type: ignore[arg-type]


def test_an_edit_tells_where_and_what(folder: Path) -> None:
    """An edit has the number of the line, the line, and the statement instead; names are unique."""
    source = "def f(a, b):\n    c = a + b  # sum\n    return c\n"
    edits = edits_of(module_of(folder, source), "f")
    names = ["line_2_drop_term", "line_2_drop_term_2", "line_2_swap_sign"]

    assert names == [edit.name for edit in edits]
    assert {(2, "c = a + b  # sum")} == {(edit.line, edit.before) for edit in edits}
    assert results(edits, 5, 3) == {"c = a": 5, "c = b": 3, "c = a - b": 2}


def test_annotations_are_evaluated_no_more_than_before(folder: Path) -> None:
    """A file whose annotations are only text can be changed."""
    source = "from __future__ import annotations\ndef f(a: Unknown):\n    return -a\n"

    assert results(edits_of(module_of(folder, source), "f"), 1) == {"return a": 1}


def test_equal_edits_are_one(folder: Path) -> None:
    """Of two changes with the same result, one is made."""
    edits = edits_of(module_of(folder, "def f(a):\n    return a + a\n"), "f")

    assert [edit.after for edit in edits] == ["return a", "return a - a"]


def test_helpers_are_changed_and_seen(folder: Path) -> None:
    """A function that is called by one that is called is changed; others are not."""
    source = (
        "def slope(h):\n    return 1 - h\n\n"
        "def other(h):\n    return -h\n\n"
        "def step(h):\n    return slope(h)\n\n"
        "def f(h):\n    return [step(x) for x in h]\n"
    )
    edits = edits_of(module_of(folder, source), "f")

    assert results(edits, [3]) == {"return 1": [1], "return 1 + h": [4]}


def test_methods_and_objects_are_changed(folder: Path) -> None:
    """Methods which are called through self, and through an object of the module's, are changed."""
    source = (
        "class Net:\n"
        "    def twice(self, a):\n        return 2 * a\n\n"
        "    def unused(self, a):\n        return -a\n\n"
        "    def __call__(self, a):\n        return self.twice(a)\n\n"
        "net = Net()\n\n"
        "def f(a):\n    return net(a)\n"
    )
    module = module_of(folder, source)

    for name in ("f", "net", "net.twice"):
        assert results(edits_of(module, name), 7) == {"return a": 7}, name


def test_what_is_imported_from_beside_is_changed(folder: Path) -> None:
    """An adapter's own code is in another file, imported as a module or by its functions."""
    module_of(folder, "def slope(h):\n    return -h\n", "theirs")
    for use in ("import theirs\nf = theirs.slope", "from theirs import slope as f"):
        source = f"{use.splitlines()[0]}\ndef adapter(h):\n    return {use.split()[-1]}(h)\n"
        (edit,) = edits_of(module_of(folder, source), "adapter")

        assert edit.name == "theirs_line_2_drop_minus"
        assert edit.path == str(folder / "theirs.py")
        assert edit.candidate(5) == 5  # type: ignore[arg-type, comparison-overlap]


def test_a_gradient_test_is_changed_as_its_adapter(folder: Path) -> None:
    """The adapter under a test is what is changed and called, in a class with an object of it."""
    test = (
        "@rnnverify.gradient_test('char_rnn')\n    def test_it(self, case):\n        return -case\n"
    )
    module = module_of(folder, f"import rnnverify\n\nclass TestIt:\n    {test}")

    assert results(edits_of(module, "TestIt.test_it"), 5) == {"return case": 5}


def test_nothing_is_loaded_again_or_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The top level is not run again; the user's file and module stay as they are."""
    source = "import sys\nsys.runs.append(1)\ndef f(a):\n    return -a\n"
    monkeypatch.setattr(sys, "runs", [], raising=False)
    module = module_of(folder, source)
    before = dict(vars(module))
    (edit,) = edits_of(module, "f")

    assert (edit.candidate(2), module.f(2)) == (2, -2)  # type: ignore[arg-type, comparison-overlap]
    assert before == vars(module)
    assert sys.runs == [1]  # type: ignore[attr-defined]
    assert sys.modules["users"] is module
    assert (folder / "users.py").read_text() == source


def test_without_a_source_there_is_a_usage_error(folder: Path) -> None:
    """What has no definition of its own in a file is named, and so is what would be right."""
    module = module_of(folder, "from math import sin\ng = lambda case: case\n")
    module.bound = functools.partial(print, 1)  # type: ignore[attr-defined]
    for name, kind in (("sin", "builtin"), ("g", "lambda"), ("bound", "partial")):
        with pytest.raises(UsageError, match=rf"{name} is a {kind}.*name a function"):
            edits_of(module, name)
    with pytest.raises(UsageError, match="no 'h'"):
        edits_of(module, "h")


def test_a_lost_source_is_a_usage_error(folder: Path) -> None:
    """If the file is gone, the function cannot be changed, and the message says so."""
    module = module_of(folder, "def f(a):\n    return -a\n")
    (folder / "users.py").unlink()
    linecache.clearcache()

    with pytest.raises(UsageError, match="source of users is needed to change f"):
        edits_of(module, "f")


def test_a_changed_backward_pass_is_found_out(folder: Path) -> None:
    """Every change to the example gives other gradients; the example with its ``.T`` does not."""
    source = EXAMPLE.read_text().replace("Whh @ dhraw", "Whh.T @ dhraw")
    module = module_of(folder, source)
    case = char_rnn_case()
    case = case.with_arrays({"loss_weights": 0.5 + np.arange(case.dims["T"])})
    edits = edits_of(module, "gradients")

    assert check(case, module.gradients).kind == "match"
    with np.errstate(all="ignore"):
        assert [edit.name for edit in edits if not check(case, edit.candidate).failed] == []
    assert len(edits) > 40
