"""The command line as a program of its own: what it prints where, and what it leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import program


def test_as_a_program_it_leaves_nothing_but_its_cache(folder: Path, tmp_path_factory: Any) -> None:
    """The compilation cache is in the user's cache folder; the current folder stays as it is."""
    home = tmp_path_factory.mktemp("home")
    words = ("verify", "my_rnn.py:sign", "--system", "char_rnn", "--cases", "3")
    cached = program(*words, cwd=folder, XDG_CACHE_HOME=str(home / "cache"))
    plain = program(*words, "--no-cache", cwd=folder, XDG_CACHE_HOME=str(home / "none"))

    assert cached.returncode == plain.returncode == 1, cached.stderr
    assert cached.stdout == plain.stdout
    assert list((home / "cache" / "rnnverify" / "jax").iterdir())
    assert not (home / "none").exists()
    assert {path.name for path in folder.iterdir()} <= {"my_rnn.py", "__pycache__"}


def test_the_version_is_printed(tmp_path: Path) -> None:
    """``--version`` prints the package's version, and needs no JAX to do so."""
    import rnnverify  # noqa: PLC0415

    done = program("--version", cwd=tmp_path)

    assert rnnverify.__version__ in done.stdout
    assert done.returncode == 0


@pytest.mark.usefixtures("folder")
def test_what_is_below_python_does_not_reach_standard_output(folder: Path) -> None:
    """In a process of its own, even what C code prints is kept out of the JSON."""
    (folder / "loud.py").write_text(
        "import os\nfrom rnnverify.models.char_rnn import gradients\n"
        "def f(case):\n    os.write(1, b'raw')\n    return gradients(case)\n"
    )
    words = ("verify", "loud.py:f", "--system", "char_rnn", "--cases", "2", "--json", "-")
    done = program(*words, cwd=folder)

    assert json.loads(done.stdout)["reports"]
    assert "raw" in done.stderr


def test_a_file_named_like_a_library_is_loaded(folder: Path) -> None:
    """A candidate's file may be called numpy.py; methods of objects may be named, too."""
    (folder / "numpy.py").write_text(
        "from rnnverify.models.char_rnn import gradients\n"
        "class Net:\n    def backward(self, case):\n        return gradients(case)\n"
        "net = Net()\n"
    )
    words = ("--system", "char_rnn", "--cases", "6")

    assert program("verify", "numpy.py:net.backward", *words, cwd=folder).returncode == 0
