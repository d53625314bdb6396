"""What README has for pasting works: its lines are run in a project, once right and once wrong.

Lines that install something are not run, since that needs the network; what they name is checked.
"""

import configparser
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis.configuration import storage_directory
from hypothesis.database import GitHubArtifactDatabase
from platformdirs import user_cache_path

from tests.pasted import ROOT, pasted
from tests.pytest_runs import compiled

yaml = pytest.importorskip("yaml", reason="PyYAML reads the files")
BASH = shutil.which("bash")
RIGHT = (ROOT / "tests/examples/my_rnn.py").read_text().replace("Whh @ dhraw", "Whh.T @ dhraw")
WRONG = RIGHT.replace("Whh.T @ dhraw", "Whh @ dhraw")
TESTS = """
import rnnverify
from hypothesis import Phase, settings
from my_rnn import gradients

@rnnverify.gradient_test("char_rnn", cases=20)
@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_gradients(case):
    return gradients(case)
"""
"""It does without shrinking, which takes long."""
OUTPUTS = ("--junit", "--html", "--markdown", "--json", "--junitxml")
in_project = pytest.mark.xdist_group("pytest")
"""One worker runs what shares the project."""
WORKFLOW = yaml.safe_load(pasted("yaml", ".github/workflows/gradients.yml"))
GITLAB = yaml.safe_load(pasted("yaml", ".gitlab-ci.yml"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
PRE_COMMIT = yaml.safe_load(pasted("yaml", ".pre-commit-config.yaml"))
CONFTEST = pasted("python", "conftest.py")
NIGHTLY = "gradients-nightly"


def steps(job: str) -> list[dict[str, Any]]:
    """Return the steps of one of the workflow's jobs."""
    found: list[dict[str, Any]] = WORKFLOW["jobs"][job]["steps"]
    return found


def lines(job: str) -> list[str]:
    """Return what a job of the workflow runs, but for what it installs."""
    run = [step["run"] for step in steps(job) if "run" in step]
    return [line for line in run if not is_install(line)]


def uses(job: str, action: str) -> list[dict[str, Any]]:
    """Return with what a job uses an action."""
    found = [step for step in steps(job) if step.get("uses", "").startswith(f"{action}@")]
    return [step["with"] for step in found]


def is_install(line: str) -> bool:
    """Whether a line is not run, but checked."""
    return "pip install" in line


class Tox(configparser.ConfigParser):
    """A tox.ini, as much of it as is needed."""

    def __init__(self) -> None:
        super().__init__(interpolation=None)
        self.read_string(pasted("ini", "tox.ini"))

    @property
    def commands(self) -> list[str]:
        """What it runs."""
        found = self["testenv:gradients"]["commands"].strip().splitlines()
        return [line.replace("{posargs}", "").strip() for line in found]


class Session:
    """What nox gives to a session, here to take down what it is asked for."""

    posargs = ()

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.installed: list[str] = []

    def run(self, *words: str) -> None:
        """Take down a command."""
        self.commands.append(shlex.join(words))

    def install(self, *words: str) -> None:
        """Take down what is to be installed."""
        self.installed += words


@cache
def nox_session() -> Session:
    """Run README's noxfile with a session that runs nothing."""
    session, scope = Session(), dict[str, Any]()
    source = pasted("python", "noxfile.py").replace("import nox\n", "")
    exec(source, scope | {"nox": SimpleNamespace(session=lambda f: f(session))})  # noqa: S102 - ours
    return session


def hook() -> str:
    """Return what pre-commit runs."""
    (offered,), (repo,) = HOOKS, PRE_COMMIT["repos"]
    (asked,) = repo["hooks"]
    assert asked["id"] == offered["id"]
    return f"{offered['entry']} {shlex.join(asked['args'])}"


GATES = {
    "GitHub": lines("gate")[0],
    "GitLab": GITLAB["gradients"]["script"][0],
    "tox": Tox().commands[0],
    "nox": nox_session().commands[0],
    "pre-commit": hook(),
}
"""The line that runs the gate, of each."""


class Project:
    """Somebody's project, of which there is a right and a wrong copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "right" / "tests").mkdir(parents=True)
        files = {
            "my_rnn.py": RIGHT,
            "pyproject.toml": pasted("toml", "pyproject.toml") + "cases = 10\n",
            "tests/test_gradients.py": TESTS,
            "conftest.py": CONFTEST,
        }
        for name, content in files.items():
            (folder / "right" / name).write_text(content)
        made = self.run("rnnverify gate --baseline gradients.json --update")
        assert made.returncode == 0, made.stderr
        shutil.copytree(folder / "right", folder / "wrong")
        (folder / "wrong" / "my_rnn.py").write_text(WRONG)

    def run(
        self, line: str, state: str = "right", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a line as such services do, in one of the copies."""
        assert BASH is not None
        return subprocess.run(  # noqa: S603 - README's own line
            [BASH, "-e", "-c", line.replace("10m", "0.2s")],
            cwd=self.folder / state,
            env=self._environment() | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def status(self, line: str, state: str = "right", **environment: str) -> int:
        """Return how a line ends, with what it says where it is no plain failure."""
        done = self.run(line, state, **environment)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        assert done.returncode == 0 or "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def _environment(self) -> dict[str, str]:
        unwanted = ("PYTEST_", "HYPOTHESIS_", "JAX_", "XDG_", "GIT", "CI", "COV")
        kept = {n: value for n, value in os.environ.items() if not n.startswith(unwanted)}
        own = Path(sys.executable).parent
        return {
            **kept,
            "CI": "true",
            "HOME": str(self.folder / "home"),
            "PATH": f"{own}:{kept['PATH']}",
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": compiled().name,  # what other tests have compiled
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project, with a baseline."""
    if BASH is None:
        pytest.skip("there is no bash")
    return Project(tmp_path_factory.mktemp("somebody"))


@in_project
@pytest.mark.parametrize("state", ["right", "wrong"])
def test_the_workflow_works(project: Project, state: str) -> None:
    """Its lines pass on right code and fail on wrong code, and what it uploads is there."""
    here = project.folder / state
    given = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(here / "summary.md")}
    gate, _ = lines("gate")

    assert project.status(gate, state, **given) == int(state == "wrong")
    uploaded = [name for each in uses("gate", "actions/upload-artifact") for name in paths(each)]
    assert uploaded == ["corpus", "gradients.html", "gradients.xml", "gradients-report.json"]
    assert all((here / name).stat().st_size for name in [*uploaded[1:], "summary.md"])
    assert json.loads((here / "gradients-report.json").read_text())["format"] == 1
    assert any((here / "corpus").glob("*.npz")) == (state == "wrong")


@in_project
def test_the_tests_work(project: Project) -> None:
    """They pass on right code and fail on wrong code, and then there is something to be cached."""
    by_day, by_night = lines("gate")[1], lines("nightly")[1]

    assert project.status(by_day, "right") == 0
    assert project.status(by_night, "wrong") == 1
    assert not list((project.folder / "right/.hypothesis").rglob("examples/*"))
    assert list((project.folder / "wrong/.hypothesis").rglob("examples/*"))


@in_project
def test_the_search_at_night_works(project: Project) -> None:
    """On right code it finds nothing, and says how much it has looked at."""
    done = project.run(lines("nightly")[0])

    assert done.returncode == 0, done.stderr
    assert "no failure in" in done.stdout


@in_project
def test_the_gitlab_jobs_work(project: Project) -> None:
    """The cache is in the project; reports and pages are where they are looked for."""
    here = project.folder / "right"
    known = {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(here)}
    given = {n: expanded(v, known) for n, v in GITLAB[".gradients"]["variables"].items()}
    gate, tests = GITLAB["gradients"]["script"]
    artifacts = GITLAB["gradients"]["artifacts"]

    assert project.status(gate, **known, **given) == 0
    assert without_outputs(tests) == lines("gate")[1].split()
    assert tests.split()[-1].removeprefix("--junitxml=") in artifacts["reports"]["junit"]
    assert (here / "gradients.xml").is_file()
    assert "gradients.xml" in artifacts["reports"]["junit"]
    assert artifacts["paths"] == ["corpus", "gradients.html"]
    assert (here / "gradients.html").is_file()
    assert GITLAB[NIGHTLY]["script"] == lines("nightly")


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return text with variables put in."""
    return re.sub(r"\$(\w+)", lambda found: variables[found[1]], text)


@in_project
def test_the_plain_gate_works(project: Project) -> None:
    """That of tox, nox and pre-commit fails on wrong code, and shows the line of it."""
    done = project.run(GATES["pre-commit"], "wrong")

    assert done.returncode == 1, done.stderr
    assert "recurrence_not_transposed" in done.stdout


@pytest.mark.parametrize("name", GATES)
def test_all_gates_are_the_same(name: str) -> None:
    """But for where results go: what is run of one, need not be run of another."""
    plain = ["rnnverify", "gate", "--baseline", "gradients.json", "--corpus", "corpus"]

    assert without_outputs(GATES[name]) == plain


def test_all_tests_are_the_same() -> None:
    """So are the lines that run pytest."""
    assert Tox().commands[1:] == nox_session().commands[1:] == lines("gate")[1:]


def without_outputs(line: str) -> list[str]:
    """Return a command's words without those that say where results go."""
    options = "|".join(OUTPUTS)
    return shlex.split(re.sub(rf"({options})[ =]\S+", "", line))


def paths(given: Mapping[str, Any]) -> list[str]:
    """Return the paths that an action is given."""
    return str(given["path"]).split()


def unversioned(workflow: Any) -> list[str]:
    """Return the actions of a workflow that have no version."""
    every = [
        step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    assert every
    return [action for action in every if not re.fullmatch(r"[\w/-]+@v\d+", action)]


def test_every_action_has_a_version() -> None:
    """And one without is seen."""
    assert unversioned(WORKFLOW) == []
    assert unversioned({"jobs": {"a": {"steps": [{"uses": "some/thing"}]}}}) == ["some/thing"]


@pytest.mark.skipif(sys.platform != "linux", reason="the jobs run on Linux")
def test_what_is_cached_is_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of rnnverify and of Hypothesis, saved as well as restored."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    examples = storage_directory("examples", intent_to_write=False).path.parts[-2:]
    used = [str(user_cache_path("rnnverify")), "/".join(examples)]

    for job in ("gate", "nightly"):
        restored, saved = (uses(job, f"actions/cache/{what}")[0] for what in ("restore", "save"))
        assert [each.replace("~", "/home/somebody") for each in paths(restored)] == used
        assert paths(saved) == paths(restored)
        assert saved["key"] == restored["key"]
        assert saved["key"].startswith(restored["restore-keys"])


def test_what_gitlab_caches_is_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the project's folder, since GitLab keeps nothing else."""
    folder = GITLAB[".gradients"]["variables"]["XDG_CACHE_HOME"]
    monkeypatch.setenv("XDG_CACHE_HOME", expanded(folder, {"CI_PROJECT_DIR": "/project"}))
    kept = {Path("/project") / each for each in GITLAB[".gradients"]["cache"]["paths"]}

    if sys.platform == "linux":
        assert {user_cache_path("pip"), user_cache_path("rnnverify")} < kept
    assert Path("/project/.hypothesis/examples") in kept


def test_examples_are_uploaded_though_they_are_hidden() -> None:
    """Under the name that Hypothesis looks for; folders with a dot have to be asked for."""
    uploads = uses("nightly", "actions/upload-artifact")
    (given,) = (each for each in uploads if each["path"] == ".hypothesis/examples")

    assert given["include-hidden-files"] is True
    assert given["name"] == GitHubArtifactDatabase("owner", "name", path="nowhere").artifact_name
    assert [each["path"] for each in uploads if each is not given] == ["corpus"]


def test_what_is_installed_is_there_to_be_installed() -> None:
    """These lines are not run: each names rnnverify, with no extra that it lacks."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    installed = [
        *(step["run"] for job in ("gate", "nightly") for step in steps(job) if "run" in step),
        *GITLAB[".gradients"]["before_script"],
    ]
    words = [shlex.split(line)[-1] for line in filter(is_install, installed)]
    named = [*words, *nox_session().installed, Tox()["testenv:gradients"]["deps"]]

    assert len(named) == 5
    for name in named:
        found = re.fullmatch(r"rnnverify(?:\[(\w+)\])?", name)
        assert found is not None, name
        assert found[1] is None or found[1] in extras


@pytest.mark.skipif(importlib.util.find_spec("pre_commit") is None, reason="needs pre-commit")
def test_the_hook_is_valid(tmp_path: Path) -> None:
    """Pre-commit itself says so, of the hook and of the configuration, and refuses what is not."""
    asked = tmp_path / "config.yaml"
    asked.write_text(pasted("yaml", ".pre-commit-config.yaml"))
    broken = tmp_path / "hooks.yaml"
    broken.write_text((ROOT / ".pre-commit-hooks.yaml").read_text().replace("entry:", "entri:"))

    assert validated("manifest", ROOT / ".pre-commit-hooks.yaml") == 0
    assert validated("config", asked) == 0
    assert validated("manifest", broken) == 1


def validated(what: str, file: Path) -> int:
    """Return what pre-commit says of a file."""
    words = [sys.executable, "-m", "pre_commit", f"validate-{what}", str(file)]
    return subprocess.run(words, capture_output=True, check=False).returncode  # noqa: S603 - ours
