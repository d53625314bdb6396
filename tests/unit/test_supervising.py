"""The command line ends a candidate that keeps Python's lock, and itself when it is told to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rnnverify.cli.supervising import _how
from rnnverify.storage import save_case
from tests.commands import program
from tests.support import char_rnn_case

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervised on Linux only")

CODE = """
import ctypes, os, time
from pathlib import Path
from rnnverify.models.char_rnn import gradients

def held(case):
    return deeper(case)

def deeper(case):
    ctypes.PyDLL(None).pause()  # keeps Python's lock

def later(case):
    if case.dims["T"] > 1:
        ctypes.PyDLL(None).pause()
    return gradients(case)

def float32(case):
    if case.dtype == "float32":
        ctypes.PyDLL(None).pause()
    return gradients(case)

def leaves(case):
    if case.dims["T"] > 1:
        os._exit(0)
    return gradients(case)

def faults(case):
    ctypes.string_at(0)

def let_go(case):
    ctypes.CDLL(None).pause()

def sleeps(case):
    import os
    Path("started").write_text(str(os.getpid()))
    time.sleep(600)

def locked(case):
    import os
    Path("started").write_text(str(os.getpid()))
    ctypes.PyDLL(None).pause()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a candidate's file in it."""
    (tmp_path / "my_rnn.py").write_text(CODE)
    return tmp_path


def words(name: str, *more: str) -> list[str]:
    """Return the command that verifies one of the file's functions on few cases."""
    fixed = ["--system", "char_rnn", "--cases", "5", *more]
    return [sys.executable, "-P", "-m", "rnnverify", "verify", f"my_rnn.py:{name}", *fixed]


def verify(folder: Path, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Verify one of the file's functions in a process of its own, to the end."""
    return subprocess.run(  # noqa: S603 - our own program
        words(name, *more), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def running(folder: Path, name: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start to verify a candidate, and go on once it hangs: the process, and the one it is in."""
    started = folder / "started"
    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is not
    process = subprocess.Popen(  # noqa: S603 - our own program
        words(name, "--timeout", "300", "--json", "out.json"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, heeded)
    try:
        give_up = time.monotonic() + 60
        while not (started.exists() and started.read_text()):
            assert time.monotonic() < give_up
            assert process.poll() is None
            time.sleep(0.05)
        yield process, int(started.read_text())
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def is_alive(pid: int) -> bool:
    """Whether there is such a process, ended ones that nobody has asked about left aside."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def report_of(folder: Path) -> dict[str, Any]:
    """Return the last report that was written."""
    read: dict[str, Any] = json.loads((folder / "out.json").read_text())["reports"][-1]
    return read


def test_a_candidate_that_keeps_the_lock_is_ended(folder: Path) -> None:
    """It is invalid: exit code 2, the JSON is written, and the line where it hangs is shown."""
    start = time.monotonic()
    done = verify(folder, "held", "--timeout", "1", "--json", "out.json")
    report = report_of(folder)

    assert done.returncode == 2, done.stderr
    assert time.monotonic() - start < 60
    assert (report["verdict"], report["cases"]) == ("invalid", 1)
    assert "did not return within 1 s, in case 1" in report["failure"]["message"]
    assert "it keeps Python's lock" in done.stdout
    assert 'my_rnn.py", line 10 in deeper' in report["failure"]["traceback"]
    assert 'my_rnn.py", line 7 in held' in report["failure"]["traceback"]
    assert 'my_rnn.py", line 10 in deeper' in done.stdout
    assert "calling.py" not in done.stdout
    assert "Traceback" not in done.stderr


def test_what_was_found_out_before_is_kept(folder: Path) -> None:
    """Reports that were done stand in the JSON before that on the run which had to be ended."""
    dtypes = ("--dtype", "float64", "--dtype", "float32")
    done = verify(folder, "float32", "--timeout", "1", "--json", "out.json", *dtypes)
    reports = json.loads((folder / "out.json").read_text())["reports"]

    assert done.returncode == 2
    assert [(each["dtype"], each["verdict"]) for each in reports] == [
        ("float64", "match"),
        ("float32", "invalid"),
    ]
    assert reports[0]["cases"] == 5
    assert "--dtype float32" in reports[1]["failure"]["replay"]


def test_the_case_that_hangs_is_counted(folder: Path) -> None:
    """Of several cases it is said which one it was; JSON on standard output is alone there."""
    done = verify(folder, "later", "--timeout", "1", "--json", "-")
    (report,) = json.loads(done.stdout)["reports"]

    assert done.returncode == 2
    assert report["cases"] > 1
    assert f"in case {report['cases']}," in report["failure"]["message"]
    assert "INVALID" in done.stderr


def test_a_candidate_that_lets_go_of_the_lock_is_given_up(folder: Path) -> None:
    """That takes no second process: the run itself ends with its verdict, and its case."""
    done = verify(folder, "let_go", "--timeout", "0.5", "--json", "out.json")
    report = report_of(folder)

    assert done.returncode == 2, done.stderr
    assert "did not return within 0.5 s" in report["failure"]["message"]
    assert "lock" not in report["failure"]["message"]
    assert "in let_go" in report["failure"]["traceback"]
    assert report["failure"]["dims"]


def test_an_interruption_ends_all(folder: Path) -> None:
    """Ctrl-C reaches both processes: exit code 130, what was done is written, none is left."""
    with running(folder, "sleeps") as (process, child):
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)

        assert process.returncode == 130
        assert "interrupted after 0 reports" in stderr
        assert json.loads((folder / "out.json").read_text())["reports"] == []
        assert not is_alive(child)


@pytest.mark.parametrize("name", ["sleeps", "locked"])
def test_a_signal_to_end_ends_the_child(folder: Path, name: str) -> None:
    """SIGTERM to the process that was started reaches the one that works, whatever it does."""
    with running(folder, name) as (process, child):
        assert child != process.pid
        process.terminate()
        process.communicate(timeout=30)

        assert process.returncode == 128 + signal.SIGTERM
        assert not is_alive(child)


def test_an_interruption_ends_what_keeps_the_lock(folder: Path) -> None:
    """Ctrl-C does not wait until the time is over for code that cannot hear it."""
    with running(folder, "locked") as (process, child):
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)

        assert process.returncode == 130
        assert not is_alive(child)
        assert "interrupted after 0 reports" in stderr
        assert json.loads((folder / "out.json").read_text())["reports"] == []


def test_a_replay_that_hangs_is_ended_and_written(folder: Path) -> None:
    """The JSON of ``replay`` has the case, the verdict ``invalid``, and the line."""
    save_case(folder / "case.npz", char_rnn_case(T=2), candidate="my_rnn", message="was wrong")
    command = [sys.executable, "-P", "-m", "rnnverify", "replay", "case.npz", "my_rnn.py:held"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--timeout", "1", "--json", "out.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    read = json.loads((folder / "out.json").read_text())

    assert done.returncode == 2, done.stderr
    assert (read["verdict"], read["was"], read["dims"]["T"]) == ("invalid", "was wrong", 2)
    assert "in held" in read["failure"]["traceback"]


def test_an_interruption_of_the_first_process_alone_is_enough(folder: Path) -> None:
    """Not everybody who interrupts a program interrupts all of its processes."""
    with running(folder, "sleeps") as (process, child):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

        assert process.returncode == 130
        assert not is_alive(child)


@pytest.mark.parametrize("name", ["sleeps", "locked"])
def test_a_killed_parent_leaves_no_child(folder: Path, name: str) -> None:
    """Whatever ends the process that was started, the one that hangs goes, too."""
    with running(folder, name) as (process, child):
        process.kill()
        process.wait(timeout=30)
        time.sleep(1)
        left = is_alive(child)
        if left:
            os.kill(child, signal.SIGKILL)

        assert not left


def test_other_exit_codes_come_through() -> None:
    """Bad usage is 2, as it is without a second process."""
    wrong = [sys.executable, "-P", "-m", "rnnverify", "verify", "--system", "no_such"]
    done = subprocess.run(wrong, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 2
    assert "unknown 'no_such'" in done.stderr


@pytest.mark.parametrize(
    ("name", "how", "line"),
    [
        ("leaves", ": exit code 0", ""),
        ("faults", " by signal 11 (Segmentation fault)", "in faults"),
    ],
)
def test_a_candidate_that_ends_the_process_is_invalid(
    folder: Path, name: str, how: str, line: str
) -> None:
    """Its exit code is not ours: the case is named, all is written, and a fault's line is shown."""
    done = verify(folder, name, "--json", "out.json", "--junit", "out.xml")
    report = report_of(folder)

    assert done.returncode == 2, done.stderr
    assert report["verdict"] == "invalid"
    message = f"the candidate ended the process{how}, in case {report['cases']}"
    assert report["failure"]["message"] == f"char_rnn: {message}"
    assert line in (report["failure"]["traceback"] or "")
    assert message in done.stdout
    assert 'errors="1"' in (folder / "out.xml").read_text()


def test_a_file_that_ends_the_process_is_named(tmp_path: Path) -> None:
    """Loading what ends the process is bad usage, not a silent success."""
    (tmp_path / "quits.py").write_text("import os\nos._exit(0)\n")
    done = program("verify", "quits.py:f", "--system", "char_rnn", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: candidate: loading quits.py ended the process: exit code 0" in done.stderr


def test_a_replay_whose_candidate_ends_the_process_is_invalid(folder: Path) -> None:
    """The JSON has the verdict ``invalid``."""
    save_case(folder / "case.npz", char_rnn_case(T=2), candidate="my_rnn", message="was wrong")
    done = program("replay", "case.npz", "my_rnn.py:leaves", "--json", "out.json", cwd=folder)
    read = json.loads((folder / "out.json").read_text())

    assert done.returncode == 2
    assert read["verdict"] == "invalid"
    assert "INVALID  the candidate ended the process: exit code 0\n" in done.stdout


def test_being_killed_is_not_blamed_on_the_candidate_alone() -> None:
    """A process that takes too much memory is killed by Linux."""
    assert _how(-signal.SIGKILL) == " by signal 9 (Killed), as where memory runs out"


@pytest.mark.parametrize("explore", [False, True])
def test_a_gate_is_supervised_too(folder: Path, *, explore: bool) -> None:
    """What hangs and keeps Python's lock is invalid, in a kept case, too; no baseline is made."""
    if explore:
        save_case(folder / "corpus" / "old.npz", char_rnn_case())
    mode = ["--explore", "60", "--corpus", "corpus"] if explore else ["--baseline", "b", "--update"]
    fixed = ["--system", "char_rnn", "--timeout", "0.5", "--json", "out.json", "--junit", "out.xml"]
    gate = [sys.executable, "-P", "-m", "rnnverify", "gate", "my_rnn.py:held", *fixed, *mode]
    result = subprocess.run(  # noqa: S603 - our own program
        gate, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    written = json.loads((folder / "out.json").read_text())

    assert result.returncode == 2, result.stderr
    assert written["kept"] is False
    assert [report["verdict"] for report in written["reports"]] == ["invalid"]
    assert "in deeper" in result.stdout
    assert 'errors="1"' in (folder / "out.xml").read_text()
    assert not (folder / "b").exists()


@pytest.mark.parametrize("mode", ["--update --baseline=b", "--explore=60"])
def test_a_gate_whose_candidate_ends_the_process_does_not_pass(folder: Path, mode: str) -> None:
    """While a baseline is made, and while exploring: it is invalid, and all is written."""
    files = ["--json", "out.json", "--junit", "out.xml"]
    named = ["my_rnn.py:leaves", "--system", "char_rnn"]
    done = program("gate", *named, *mode.split(), *files, cwd=folder)
    written = json.loads((folder / "out.json").read_text())

    assert done.returncode == 2, done.stderr
    assert written["kept"] is False
    assert [report["verdict"] for report in written["reports"]] == ["invalid"]
    assert "the candidate ended the process: exit code 0" in done.stdout
    assert not (folder / "b").exists()
    assert 'errors="1"' in (folder / "out.xml").read_text()
