"""Files are whole, whenever the process that writes them is killed: the old or the new."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnverify.files import write_whole

KILLS = 50

SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path

from rnnverify import storage
from rnnverify.corpora.folders import add, files as files_in, load
from rnnverify.gating import baseline_files
from rnnverify.gating.baseline_files import read_baseline, write_baseline
from rnnverify.gating.baselines import Baseline, Entry, Figures
from rnnverify.storage import Stored, save_case
from rnnverify.corpora.tidying import Fate, carry_out
from tests.support import char_rnn_case

place, kills = Path(sys.argv[1]), int(sys.argv[2])
cases = [char_rnn_case(T=60, V=30, H=40, seed=seed) for seed in range(2)]
clips = {"none": Figures(verdict="match", conclusive=90.0, active=0.0, gradients={})}
baselines = [
    Baseline(
        checks={
            f"check {i}": Entry(cases=9, seed=seed, regimes=("T = 1",), clips=clips)
            for i in range(300)
        }
    )
    for seed in range(2)
]

def write(folder, i):
    write_baseline(folder / "baseline.json", baselines[i])
    save_case(folder / "saved.npz", cases[i])
    there, other = Stored(case=cases[i]), Stored(case=cases[1 - i])
    file = add(folder / "corpus", there)
    carry_out(Fate(file=file, what="replaced", why="", smaller=other))

def write_for_ever(folder):
    try:
        while True:
            write(folder, 0)
            write(folder, 1)
    finally:
        os._exit(3)

def is_torn(path, look):
    try:
        look(path)
    except Exception:
        return True
    return False

def is_either(path):
    assert read_baseline(path) in baselines

def left_over(folder):
    return len([*folder.rglob(".*")])

def kill(folder, kills, until=None):
    found = dict.fromkeys(("killed", "torn", "lost", "left over", "left for ever"), 0)
    chance = random.Random(0)
    write(folder, 0)
    for _ in range(kills):
        child = os.fork() or write_for_ever(folder)
        time.sleep(chance.uniform(0.002, 0.015))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        found["killed"] += os.WTERMSIG(status) == signal.SIGKILL
        kept = files_in(folder / "corpus")
        found["torn"] += is_torn(folder / "baseline.json", is_either)
        found["torn"] += sum(is_torn(path, load) for path in [folder / "saved.npz", *kept])
        found["lost"] += not kept
        found["left over"] += left_over(folder)
        if until is not None and found[until]:
            return found
    write(folder, 0)
    write(folder, 1)
    return found | {"left for ever": left_over(folder)}

(place / "whole").mkdir()
whole = kill(place / "whole", kills)
plain = lambda path, content: path.write_bytes(content)
baseline_files.write_whole = storage.write_whole = plain
(place / "plain").mkdir()
plain = kill(place / "plain", 10 * kills, until="torn")
print(json.dumps([whole, plain]))
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, int]]:
    """Return what is found after processes that write were killed again and again.

    First as files are written, then as if they were opened and written to.
    """
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder), str(KILLS)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, int]] = json.loads(done.stdout)
    return found


def test_files_are_whole_whenever_a_process_is_killed(killed: list[dict[str, int]]) -> None:
    """Fifty processes die at random moments; no file is torn, no case lost, nothing left behind.

    Some must have died while they wrote, or the test would say nothing.
    """
    found, _ = killed

    assert found["killed"] == KILLS
    assert found["left over"] > 0
    assert (found["torn"], found["lost"], found["left for ever"]) == (0, 0, 0)


def test_files_that_are_written_plainly_are_torn(killed: list[dict[str, int]]) -> None:
    """The test above would find out if files were opened and written to."""
    _, found = killed

    assert found["torn"] > 0


def test_what_other_files_and_processes_have_there_stays(tmp_path: Path) -> None:
    """Only what dead processes left of the same file goes, whatever characters are in its name."""
    path, dead = tmp_path / "a[1]*.json", 2**22 + 1  # above the largest that Linux gives
    gone = tmp_path / f".{path.name}.{dead}"
    stays = [
        tmp_path / f".{path.name}.{os.getppid()}",
        tmp_path / f".{path.name}.backup",
        tmp_path / f".a1.json.{dead}",
        tmp_path / f".a[1]b.json.{dead}",
    ]
    for each in (gone, *stays):
        each.write_text("half")
    write_whole(path, b"whole")

    assert sorted(tmp_path.iterdir()) == sorted([path, *stays])
    assert path.read_bytes() == b"whole"


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing beside it: no space, say."""
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_links_and_modes_stay(tmp_path: Path) -> None:
    """What a link leads to is replaced, and may be read by those who could read it."""
    path, link = tmp_path / "a.json", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_whole(link, b"new")

    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
