"""The command line in tests: a file with candidates, and what runs commands on it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import cli

RIGHT = """
from rnnverify.models.char_rnn import gradients
print("a candidate may print")

def shouting(case):
    print("what it likes")
    return gradients(case)

def sign(case):
    returned = gradients(case)
    return returned | {"Whh": -returned["Whh"]}

def nan(case):
    returned = gradients(case)
    return returned | {"Whh": returned["Whh"] * float("nan")}

def raises(case):
    return helper(case)

def helper(case):
    raise ValueError("not today")

def float32(case):
    assert case.dtype == "float32"
    return gradients(case)

number = 3
"""


def run(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(cli, words)


def verify(name: str, *words: str) -> Result:
    """Verify one of the file's functions on few cases."""
    fixed = ("--system", "char_rnn", "--cases", "8")
    return run("verify", f"my_rnn.py:{name}", *fixed, *words)


def document(result: Result) -> dict[str, Any]:
    """Return what was printed as JSON; nothing else may stand beside it."""
    read: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return read


def program(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a program of its own, which finds its cache by itself."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "rnnverify", *words],
        cwd=cwd,
        env=ours | environment,
        capture_output=True,
        text=True,
        check=False,
    )
