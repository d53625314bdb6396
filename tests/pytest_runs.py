"""Runs of pytest as a program of its own, and what they print."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PLANTED = """
from rnnverify.models.char_rnn import gradients as model

def right(case):
    return dict(model(case))

def wrong(case):
    return right(case) | {"Whh": -right(case)["Whh"]}
"""


@dataclass
class Done:
    """A run of pytest that is over."""

    folder: Path
    status: int
    text: str

    @property
    def lines(self) -> dict[str, str]:
        """What the summary says of each gradient test, by its name."""
        section = re.search(r"^=+ rnnverify =+\n(.*?)^=", self.text, re.MULTILINE | re.DOTALL)
        assert section is not None, self.text
        blocks = re.split(r"\n(?=\S)", section[1].rstrip())
        nodes = (re.split("  clip |  failed in ", block)[0] for block in blocks)
        return {node.partition("::")[2]: block for node, block in zip(nodes, blocks, strict=True)}

    def section(self, name: str) -> str:
        """Return what is shown of a test's failure."""
        found = re.search(rf"^_+ {name} _+\n(.*?)^[_=]{{9}}", self.text, re.MULTILINE | re.DOTALL)
        assert found is not None, self.text
        return found[1]

    def replay(self, name: str) -> list[str]:
        """Return the command that shows a test's failure again."""
        (command,) = re.findall(r"replay: (.*)", self.lines[name])
        return shlex.split(command)

    @property
    def saved(self) -> list[str]:
        """The files of cases in its folder, and below."""
        return sorted(path.name for path in self.folder.rglob("*.npz"))


@cache
def compiled() -> tempfile.TemporaryDirectory[str]:
    """Return where references are kept that one run has compiled and the next needs, too."""
    return tempfile.TemporaryDirectory(prefix="rnnverify-tests-")


def program(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with caches of its own, and no options from elsewhere."""
    unwanted = ("PYTEST_", "HYPOTHESIS_", "JAX_", "CI")
    kept = {n: value for n, value in os.environ.items() if not n.startswith(unwanted)}
    cached = {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": compiled().name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    return subprocess.run(  # noqa: S603 - our own program
        words,
        cwd=folder,
        env=kept | cached | {"PY_COLORS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def run(folder: Path, *options: str, **modules: str) -> Done:
    """Run pytest in a folder, on modules of which the source is given."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    done = program(folder, sys.executable, "-m", "pytest", "-W", "error", *options)
    return Done(folder, done.returncode, done.stdout + done.stderr)
