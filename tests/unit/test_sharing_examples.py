"""README's conftest files share what Hypothesis has found, as they say."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import hypothesis
import pytest
from hypothesis import settings
from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    GitHubArtifactDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

import rnnverify
from tests.pasted import pasted

CONFTEST = pasted("python", "conftest.py")
BUILT_IN = {"ci": settings(derandomize=True, deadline=None, database=None, print_blob=True)}
"""What Hypothesis has by itself, which the tests' own conftest replaces here."""


class Profiles(dict[str, Any]):
    """Profiles that a conftest registers, which is only looked at; "" is what it loads."""

    def __init__(self, source: str) -> None:
        super().__init__()
        known = SimpleNamespace(
            register_profile=self._register,
            load_profile=lambda name: self.update({"": name}),
            get_profile=lambda name: self.get(name) or BUILT_IN[name],
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hypothesis, "settings", known)
            exec(source, {})  # noqa: S102 - README's own

    @property
    def database(self) -> Any:
        """The database of what is loaded."""
        return self[self[""]].database

    def _register(self, name: str, parent: Any = None, **values: Any) -> None:
        self[name] = settings(parent, **values)


LOCAL = DirectoryBasedExampleDatabase(".hypothesis/examples")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no service be known."""
    for name in ("CI", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_under_ci_there_is_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """README's conftest brings back what Hypothesis leaves out under CI."""
    monkeypatch.setenv("CI", "true")
    found = Profiles(CONFTEST)

    assert found[""] == "ci"
    assert found.database == found["nightly"].database == LOCAL
    assert not found["ci"].derandomize
    assert found["ci"].deadline is None
    assert found["nightly"].max_examples == 2000


def test_by_itself_hypothesis_has_none_under_ci() -> None:
    """Without the conftest, there would be nothing to cache."""
    code = (
        "from hypothesis import settings; s = settings(); "
        "print(s.derandomize, s.database, s.deadline, s.print_blob)"
    )
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code],
        env=os.environ | {"CI": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    ci = BUILT_IN["ci"]

    assert done.stdout.split() == [
        str(each) for each in (ci.derandomize, ci.database, ci.deadline, ci.print_blob)
    ]


def test_developers_see_what_the_night_has_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token, and only then, the artifact is read beside the folder of one's own."""
    assert set(Profiles(CONFTEST)) == {"ci", "nightly"}

    monkeypatch.setenv("GITHUB_TOKEN", "some")
    nightly = GitHubArtifactDatabase("owner", "repository", path=".hypothesis/artifacts")
    assert Profiles(CONFTEST).database == MultiplexedDatabase(LOCAL, ReadOnlyDatabase(nightly))


def test_a_redis_server_can_be_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis takes the arguments; there is no server here, nor the package of its client."""
    redis: Any = ModuleType("redis")
    redis.Redis = type("Redis", (), {"__init__": lambda self, host: setattr(self, "host", host)})
    monkeypatch.setitem(sys.modules, "redis", redis)
    monkeypatch.delitem(sys.modules, "hypothesis.extra.redis", raising=False)
    database = Profiles(pasted("python", "conftest.py, with Redis")).database
    sys.modules.pop("hypothesis.extra.redis")

    assert type(database).__name__ == "RedisExampleDatabase"
    assert database.redis.host == "redis.example.org"


CHECKOUT = """
import numpy as np
import rnnverify

CELL = rnnverify.System(
    name="small_cell",
    weights={"W": "H H"},
    inputs={"x": "T H", "loss_weights": rnnverify.loss_weights("T")},
    loss=lambda a: (a["loss_weights"] * (a["x"] @ a["W"]).sum(axis=1)).sum(),
)
seen = []

@rnnverify.gradient_test(CELL)
def test_rare(case):
    seen.append(case.dims["T"])
    rows = case["loss_weights"] @ case["x"]
    return {"W": np.outer(rows, np.ones_like(rows)) * (1 if case.dims["T"] < 5 else -1)}
"""
"""A test that fails in long sequences only."""


def test_a_failure_is_replayed_first_elsewhere(tmp_path: Path) -> None:
    """Where two checkouts share a folder, the second fails in its first case; alone, it passes."""
    source = pasted("python", "conftest.py, with a folder that all can reach")
    found = Profiles(source.replace("/mnt/team/hypothesis", str(tmp_path / "shared")))
    shared = found[found[""]]
    alone = settings(shared, database=DirectoryBasedExampleDatabase(tmp_path / "own"))
    first, second, third = (checkout(tmp_path / name) for name in ("first", "second", "third"))

    with pytest.raises(rnnverify.MismatchError):
        ran(first, settings(shared, max_examples=200))
    with pytest.raises(rnnverify.MismatchError):
        ran(second, settings(shared, max_examples=1))
    ran(third, settings(alone, max_examples=1))
    assert second.seen[0] >= 5
    assert max(third.seen) < 5


def checkout(folder: Path) -> Any:
    """Return somebody's module, from a folder of its own."""
    folder.mkdir()
    file = folder / "test_rare.py"
    file.write_text(CHECKOUT)
    found = importlib.util.spec_from_file_location(folder.name, file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def ran(module: Any, under: settings) -> None:
    """Run its test under settings."""
    test: Callable[[], None] = under(module.test_rare)
    test()
