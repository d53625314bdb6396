"""Fixtures that several tests of the command line share."""

from pathlib import Path

import pytest

from tests.commands import RIGHT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a candidate's file in it, as the current one."""
    (tmp_path / "my_rnn.py").write_text(RIGHT)
    monkeypatch.chdir(tmp_path)
    return tmp_path
