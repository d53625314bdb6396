"""What a command line names is loaded once, with the modules from beside it and no others."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import Result

from rnnverify.cli import loading
from rnnverify.cli.loading import load_candidate, load_place, load_system, module_name
from rnnverify.edits.functions import edits_of
from rnnverify.errors import UsageError
from tests.commands import run

RIGHT = "from rnnverify.models.char_rnn import gradients as f\n"
WRONG = "def f(case):\n    raise ValueError\n"
CHECKS = "".join(
    f"""
[[tool.rnnverify.check]]
candidate = "{folder}/nets.py:g"
system = "char_rnn"
cases = 3
"""
    for folder in ("one", "two")
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give two folders with a file and a helper of the same names; leave no trace of them."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "nets.py").write_text("from helper import f\ndef g(c): return f(c)\n")
        (tmp_path / name / "helper.py").write_text(
            f"def f(c):\n    x = c + c\n    return x + {name!r}\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(loading, "_aside", {})
    monkeypatch.setattr(loading, "_before", set())
    before = sys.modules.copy()
    yield tmp_path
    for name in sys.modules.keys() - before.keys():
        if name.startswith((loading.PREFIX, "helper", "theirs", "nets")):
            del sys.modules[name]


def called(text: str, argument: Any = "") -> object:
    """Load a candidate, and call it."""
    return load_candidate(text)(argument)


@pytest.mark.usefixtures("folder")
def test_each_file_has_the_helper_beside_it() -> None:
    """Modules of one name in two folders are not taken for one another, whatever comes first."""
    text: Any = ""
    candidates: list[Any] = [load_candidate(f"{n}/nets.py:g") for n in ("one", "two", "one")]

    assert [each(text) for each in candidates] == ["one", "two", "one"]
    assert candidates[0] is candidates[2]


def test_a_gate_runs_the_code_of_each_check(folder: Path) -> None:
    """One wrong helper of two is found, in the check that imports it."""
    (folder / "one" / "helper.py").write_text(RIGHT)
    (folder / "two" / "helper.py").write_text(WRONG)
    (folder / "pyproject.toml").write_text(CHECKS)
    result: Result = run("gate", "--baseline", "b.json", "--update", "--json", "-")

    assert result.exit_code == 2
    assert "raised ValueError" in result.stdout


def test_packages_are_told_apart_too(folder: Path) -> None:
    """A package gives way with all that it holds, with or without an ``__init__.py``."""
    for name in ("one", "two"):
        for package in ("helpers", "helper_bits"):
            (folder / name / package).mkdir()
            (folder / name / package / "deep.py").write_text(f"NAME = {name!r}\n")
        (folder / name / "helpers" / "__init__.py").write_text("")
        code = "import helpers.deep, helper_bits.deep\n"
        code += "def g(c): return helpers.deep.NAME + helper_bits.deep.NAME\n"
        (folder / name / "packed.py").write_text(code)

    assert [called(f"{name}/packed.py:g") for name in ("one", "two")] == ["oneone", "twotwo"]


def test_what_gave_way_comes_back_with_its_folder(folder: Path) -> None:
    """A second file of a folder has the very helper of the first, and its source is changed."""
    (folder / "one" / "more.py").write_text("import helper\n")
    first, _ = load_place("one/nets.py:g")
    load_place("two/nets.py:g")
    more, _ = load_place("one/more.py:helper")

    assert more.helper.f is first.f
    assert sys.modules["helper"] is more.helper

    load_place("two/nets.py:g")
    edits = edits_of(*load_place("one/nets.py:g"))
    assert {Path(each.path) for each in edits} == {folder / "one" / "helper.py"}


def test_a_module_that_only_one_folder_has_stays(folder: Path) -> None:
    """What the other folder does not have is not loaded twice."""
    (folder / "one" / "theirs.py").write_text("")
    (folder / "one" / "more.py").write_text("import theirs\n")
    theirs = vars(load_place("one/more.py:theirs")[0])["theirs"]
    load_place("two/nets.py:g")

    assert sys.modules["theirs"] is theirs


@pytest.mark.parametrize("name", ["json", "click", "rnnverify"])
def test_libraries_never_give_way(folder: Path, name: str) -> None:
    """A file that bears a library's name replaces it for nobody."""
    library = sys.modules[name]
    (folder / "two" / f"{name}.py").write_text("")
    load_place("one/nets.py:g")
    load_place("two/nets.py:g")

    assert sys.modules[name] is library


def test_what_was_there_before_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that did not come with a candidate are somebody else's."""
    there = ModuleType("theirs")
    there.__file__ = str(folder / "one" / "theirs.py")
    monkeypatch.setitem(sys.modules, "theirs", there)
    (folder / "two" / "theirs.py").write_text("")
    load_place("one/nets.py:g")
    load_place("two/nets.py:g")

    assert sys.modules["theirs"] is there


def test_a_module_by_name_is_the_one_here(folder: Path) -> None:
    """``module:function`` is found in the current folder, whatever was loaded elsewhere."""
    (folder / "helper.py").write_text("def f(c): return c + 'here'\n")

    assert called("one/nets.py:g") == "one"
    assert called("helper:f") == "here"
    assert called("two/nets.py:g") == "two"


@pytest.mark.usefixtures("folder")
def test_files_of_one_name_are_loaded_once_each() -> None:
    """Their modules do not replace one another, and hold no library's name."""
    modules = [load_place(f"{name}/nets.py:g")[0] for name in ("one", "two", "one")]
    names = [module.__name__ for module in modules]

    assert modules[0] is modules[2]
    assert names[0] != names[1]
    assert names[0] == module_name(Path("one") / "nets.py")
    assert all(each.startswith("rnnverify_candidate_nets_") for each in names)
    assert [sys.modules[each] for each in names] == modules


def test_a_file_that_could_not_be_loaded_is_loaded_anew(folder: Path) -> None:
    """Half a module is none."""
    (folder / "one" / "half.py").write_text("def f(c): return c\nraise ValueError('half')\n")
    for _ in range(2):
        with pytest.raises(UsageError, match=r"candidate: loading one.half\.py failed"):
            load_candidate("one/half.py:f")


@pytest.mark.parametrize(("load", "what"), [(load_candidate, "candidate"), (load_system, "system")])
def test_what_is_being_loaded_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, load: Any, what: str
) -> None:
    """Before it is, for it may end the process; and when that is over, however it went."""
    told: list[str] = []
    monkeypatch.setattr(loading, "watcher", told.append)
    monkeypatch.setattr(os, "_rnnverify_told", told, raising=False)
    code = "import os\nassert len(os._rnnverify_told) == 1\nraise ValueError('no')\n"
    (folder / "one" / "fails.py").write_text(code)
    with pytest.raises(UsageError, match="no"):
        load("one/fails.py:f")

    assert told == [f"{what}: loading one/fails.py", ""]


def test_a_module_that_answers_for_itself_is_left_alone(tmp_path: Path) -> None:
    """What it does when it is asked for a name does not end a later load."""
    (tmp_path / "lazy.py").write_text("def __getattr__(name):\n    raise RuntimeError(name)\n")
    (tmp_path / "first.py").write_text("import lazy\n\ndef f(case):\n    return {}\n")
    (tmp_path / "second.py").write_text("def f(case):\n    return {}\n")

    for name in ("first", "second"):
        assert callable(load_candidate(f"{tmp_path / name}.py:f"))
