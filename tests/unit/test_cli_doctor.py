"""``rnnverify doctor``: what it tells, and what not; and that it works where JAX does not."""

import errno
import json
import os
import tempfile
import warnings
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rnnverify.cli import environment, process, selftest
from rnnverify.cli.selftest import STAGES, SelfTest, findings
from rnnverify.results import Diagnosis
from rnnverify.surveys import Outcome
from tests.pytest_runs import compiled

doctors = import_module("rnnverify.cli.doctor")  # whose command bears the same name

pytestmark = pytest.mark.xdist_group("pytest")  # one worker, which compiles what they share once
NO_BACKEND = """
from types import SimpleNamespace

__version__ = "0"
numpy = SimpleNamespace(result_type=lambda _: "float64")

def default_backend():
    raise RuntimeError("no TPU" + 999 * " here")
"""
WELL = [{"name": name, "ok": True, "found": "well"} for name in STAGES]
PLANTED = """
from rnnverify.cli import selftest
from rnnverify.mutants.mutant import Mutant

ALIKE = Mutant(
    system="char_rnn",
    name="none",
    before="slope = 1 - h[1:] ** 2",
    after="slope = (1 - h[1:]) * (1 + h[1:])",
    equation="",
    symptom="None.",
)

def main():
    selftest.main(selftest.SelfTest(ALIKE))
"""
"""A self-test whose bug is none, and cannot be found."""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder without anything in it, and let no variable be set that matters."""
    for name in filter(environment.VARIABLES.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
    home = tmp_path / "somebody"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return home


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the self-test be over, and well."""
    monkeypatch.setattr(doctors, "_tested", lambda: [dict(stage) for stage in WELL])


@pytest.fixture
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the self-test's process use what an earlier one has compiled."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", compiled().name)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what puts a module called ``jax`` before the real one, in other processes."""

    def put(code: str, name: str = "jax") -> None:
        folder = tmp_path / "fakes"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))

    return put


def run(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(doctors.doctor, words)


def told(*words: str) -> dict[str, Any]:
    """Return what the command writes as JSON."""
    read: dict[str, Any] = json.loads(run("--json", "-", *words).stdout)
    return read


def checks(result: Result) -> dict[str, str]:
    """Return the first words of the line of each check, by its claim."""
    lines = result.stdout.partition("\nchecks\n")[2].splitlines()
    found = {}
    for name, claim in doctors.CLAIMS.items():
        (line,) = (line for line in lines if f"  {claim}" in line)
        found[name] = line.split(claim)[0].strip()
    return found


@pytest.mark.usefixtures("warm")
def test_where_all_is_well_it_says_so(alone: Path, tmp_path: Path) -> None:
    """Exit code 0, versions, devices, and a bug that was found; and nothing is left behind."""
    result = run("--json", str(tmp_path / "doctor.json"))
    read = json.loads((tmp_path / "doctor.json").read_text())

    assert result.exit_code == 0, result.output
    assert set(checks(result).values()) == {"ok"}
    assert result.stdout.endswith("all is well\n")
    assert f"  numpy         {metadata.version('numpy')}\n" in result.stdout
    assert "  backend       cpu\n" in result.stdout
    assert "char_rnn recurrence_not_transposed: found in case " in result.stdout
    assert set(read["jax"]) == {"backend", "devices", "x64"}
    assert read["jax"]["x64"] is False
    assert read["ok"] is True
    assert list(alone.iterdir()) == []


@pytest.mark.usefixtures("warm")
def test_a_bug_that_is_not_found_is_told(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a self-test whose bug is none, the command fails, and names the check."""
    fake(PLANTED, "planted")
    monkeypatch.setattr(doctors, "CODE", "import planted; planted.main()")
    result = run()

    assert result.exit_code == 1
    assert checks(result)["right"] == "ok"
    assert checks(result)["found"] == "NOT OK"
    assert checks(result)["named"] == "not run"
    assert "char_rnn none: not found in 30 cases" in result.stdout
    assert "please open an issue" in result.stdout


@pytest.mark.parametrize(
    ("code", "stage", "said"),
    [
        ("print('loud')\nraise ImportError('no AVX\\n  here')", "jax", "ImportError: no AVX here"),
        ("import os; os._exit(3)", "jax", "ended with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "jax", "signal 9 (Killed)"),
        ("import sys; sys.exit('no licence')", "jax", "ended with exit code 1: no licence"),
        (NO_BACKEND, "backend", "RuntimeError: no TPU here here"),
    ],
)
def test_where_jax_fails_it_says_so(code: str, stage: str, said: str, fake: Any) -> None:
    """Everything else is told; what JAX is needed for was not run; there is a way to mend it."""
    fake(code)
    result = run()
    found = checks(result)

    assert result.exit_code == 1, result.output
    assert found.pop(stage) == "NOT OK"
    assert found.pop("named") == found.pop("found") == found.pop("right") == "not run"
    assert said in result.stdout
    assert f"to mend it: {doctors.MENDS[stage]}" in result.stdout
    assert f"  numpy         {metadata.version('numpy')}\n" in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 500


def test_where_jax_hangs_it_says_so(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-test's process is ended."""
    fake("import time; time.sleep(600)")
    monkeypatch.setattr(doctors, "TIMEOUT", 0.3)

    assert "no answer within 0.3 s" in run().stdout


def test_an_error_does_not_tell_the_home_folder(alone: Path, fake: Any) -> None:
    """Neither in the text nor in the JSON: a library's path names who has installed it."""
    fake(f"raise ImportError('{alone}/lib/libtpu.so is missing')")
    result = run("--json", "-")

    assert "ImportError: ~/lib/libtpu.so is missing" in result.stderr
    assert str(alone) not in result.output


def test_what_x64_is_set_to_is_told(fake: Any) -> None:
    """By what JAX makes of a float; and a backend that does not start leaves it known."""
    fake(NO_BACKEND)

    assert told()["jax"] == {"backend": None, "devices": None, "x64": True}


def outcome(**changed: Any) -> Outcome:
    """Return what came of a mutant."""
    values: dict[str, Any] = {
        "system": "char_rnn",
        "name": "some",
        "killed": True,
        "cases": 3,
        "named": True,
        "verdict": "wrong",
        "diagnosis": None,
    }
    return Outcome(**values | changed)


DIAGNOSIS = Diagnosis(
    kind="mutant", name="another", text="", confirmed_on=1, confidence="", changes=()
)


@pytest.mark.parametrize(
    ("as_it_stands", "planted", "stage", "said"),
    [
        ("match", {}, "", ""),
        ("wrong", {}, "right", "the model as it stands is wrong in case 3"),
        ("inconclusive", {}, "right", "the model as it stands is inconclusive"),
        ("match", {"killed": False}, "found", "not found in 30 cases"),
        ("match", {"named": False}, "named", "taken for nothing that is known"),
        ("match", {"named": False, "diagnosis": DIAGNOSIS}, "named", "taken for another"),
    ],
)
def test_each_stage_can_fail(
    as_it_stands: Any, planted: Any, stage: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right gradient that is accused, a bug that is not found, or is taken for another."""
    monkeypatch.setattr("rnnverify.surveys.outcome", lambda _: outcome(verdict=as_it_stands))
    monkeypatch.setattr("rnnverify.surveys.of_mutant", lambda *_, **__: outcome(**planted))
    found = list(findings(SelfTest()))

    assert [each.name for each in found if not each.ok] == [stage] * bool(stage)
    assert said in found[-1].found


@pytest.mark.parametrize("named", [None, "somewhere"])
def test_the_self_test_keeps_nothing(named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a cache only where the user's own environment names one."""
    settled: list[bool] = []
    monkeypatch.setattr(selftest, "settle", lambda *, cache: settled.append(cache))
    monkeypatch.setattr(selftest, "findings", lambda _: iter(()))
    monkeypatch.setattr(os, "dup", lambda _: os.open(os.devnull, os.O_WRONLY))
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    if named:
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", named)
    selftest.main()

    assert settled == [bool(named)]


@pytest.mark.usefixtures("well")
def test_a_cache_that_cannot_be_written_to_is_told(alone: Path) -> None:
    """Where a file is in its way, the command fails and says what to do."""
    assert run().exit_code == 0
    (alone / ".cache").touch()
    result = run()

    assert result.exit_code == 1
    assert checks(result)["cache"] == "NOT OK"
    assert "~/.cache/rnnverify/jax cannot be written to" in result.stdout
    assert "--no-cache" in result.stdout
    assert "XDG_CACHE_HOME=" in result.stdout


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_takes_no_file_is_not_writable(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason is; a folder that is not there is writable, if it could be made."""
    assert environment.writable(tmp_path / "new" / "newer")

    def refused(dir: Path) -> None:  # noqa: A002 - its name there
        assert dir == tmp_path
        raise OSError(number, "no")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    assert not environment.writable(tmp_path / "new")


def test_the_cache_is_the_one_that_is_used(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is where ``settle`` lets JAX write, and its files are counted."""
    monkeypatch.setattr(warnings, "simplefilter", lambda *_: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))  # settle adds to it
    seen = environment.cache({})
    process.settle(cache=True)
    folder = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
    folder.mkdir(parents=True)
    (folder / "one").write_bytes(b"12345")

    assert seen == {
        "folder": str(folder),
        "enabled": True,
        "writable": True,
        "files": 0,
        "bytes": 0,
    }
    assert environment.cache({})["files"] == 1
    assert environment.cache({})["bytes"] == 5
    assert str(alone) in str(folder)


def test_a_cache_elsewhere_is_told() -> None:
    """One that the user named, one that is no folder, and one that is switched off."""
    assert (
        environment.cache({"JAX_COMPILATION_CACHE_DIR": "/some/where"})["folder"] == "/some/where"
    )
    assert environment.cache({"JAX_COMPILATION_CACHE_DIR": "gs://some/where"})["writable"] is None
    assert not environment.cache({"JAX_ENABLE_COMPILATION_CACHE": "False"})["enabled"]


@pytest.mark.usefixtures("well")
def test_variables_are_told_and_secrets_are_not(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that matter, without what looks like a secret, and without the home folder."""
    for name, value in {
        "JAX_PLATFORMS": "cpu",
        "JAX_SOME_TOKEN": "hunter1",
        "JAX_COMPILATION_CACHE_DIR": "s3://me:hunter2@there/cache?key=hunter3",
        "XLA_FLAGS": f"--xla_dump_to={alone}/dump",
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{alone}body/else",
        "HYPOTHESIS_OTHER": f"/mnt{alone}/else",
        "OMP_NUM_THREADS": "3",
        "GITHUB_TOKEN": "hunter4",
    }.items():
        monkeypatch.setenv(name, value)
    lines = run().stdout.splitlines()

    assert "  JAX_PLATFORMS=cpu" in lines
    assert "  JAX_SOME_TOKEN is set (not shown)" in lines
    assert "  JAX_COMPILATION_CACHE_DIR=s3://...@there/cache?..." in lines
    assert "  XLA_FLAGS=--xla_dump_to=~/dump" in lines
    assert f"  HYPOTHESIS_STORAGE_DIRECTORY={alone}body/else" in lines
    assert f"  HYPOTHESIS_OTHER=/mnt{alone}/else" in lines
    assert "  OMP_NUM_THREADS=3" in lines
    assert "hunter" not in " ".join(lines)


@pytest.mark.usefixtures("well")
def test_what_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional package may be missing, a needed one not, nor may it be older than supported."""
    real = metadata.version

    def version(name: str) -> str:
        if name in ("torch", "optax"):
            raise metadata.PackageNotFoundError
        return {"jax": "0.7.9"}.get(name) or real(name)

    monkeypatch.setattr(metadata, "version", version)
    result = run()

    assert result.exit_code == 1
    assert "  torch         not installed\n" in result.stdout
    (line,) = (line for line in result.stdout.splitlines() if "pip install --upgrade" in line)
    assert line.endswith("'jax>=0.8.0' 'optax>=0.2.6'")


def test_an_uninstalled_package_requires_nothing_that_is_known() -> None:
    """In a folder that was not installed, the check has nothing to go by."""
    assert environment.unmet("not-installed-anywhere") == []


@pytest.mark.usefixtures("well")
def test_the_json_has_the_keys_that_help_tells() -> None:
    """Each key of the document, and of its parts, is in ``--help``, and the text goes elsewhere."""
    read, text = told(), run("--help").stdout
    parts = [read["machine"], read["cache"], read["jax"], read["checks"][0]]

    assert read["format"] == 1
    for key in {key for part in (read, *parts) for key in part} - {"format", "version"}:
        assert key in text.partition("Keys of the JSON")[2], key
    assert read["versions"].keys() >= {"rnnverify", "Python", "jaxlib", "torch", "matplotlib"}
    assert "checks\n" in run("--json", "-").stderr


@pytest.mark.parametrize("words", [("--json", "nowhere/x.json"), ("--jsn", "-"), ("more",)])
def test_bad_usage_is_refused(words: tuple[str, ...]) -> None:
    """Exit code 2, before anything is run."""
    assert run(*words).exit_code == 2


def test_no_home_folder_is_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, or it is the root, texts stay as they are."""
    monkeypatch.setenv("HOME", "/")
    assert environment.without_home("/some/where") == "/some/where"

    def none() -> Path:
        raise RuntimeError

    monkeypatch.setattr(environment, "Path", SimpleNamespace(home=none))
    assert environment.without_home("/some/where") == "/some/where"
