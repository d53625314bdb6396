"""GitHub's annotations: one line a finding, at the candidate's line, the worst ten first."""

import re
from pathlib import Path
from typing import Any

import pytest

from rnnverify.reports.annotations import LONGEST_MESSAGE, MOST, annotations
from rnnverify.reports.pointing import pointed
from rnnverify.results import Place, Regression, Report
from tests.made_reports import (
    DIAGNOSIS,
    REGRESSION,
    failure,
    inconclusive,
    invalid,
    matching,
    wrong,
)

COMMAND = re.compile(r"::(error|warning) ([^\n]*?)::([^\n]*)")
SOURCE = """import numpy as np




@decorated
def gradients(case):
    dWxh, dWhh, dby = np.zeros_like(Wxh), np.zeros_like(Whh), 0
    for t in reversed(range(T)):
        dby += dy
        dWhh += np.outer(dhraw, hs[t - 1])
        dWxh = dWxh + np.outer(dhraw, xs[t])
    dWxh = np.clip(dWxh, -5, 5)
    return {"Wxh": dWxh, "Whh": dWhh, "by": dby}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository with a candidate, in which GitHub's runner does not work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    (tmp_path / "my_rnn.py").write_text(SOURCE)
    return tmp_path


def read(text: str) -> list[dict[str, str]]:
    """Return commands as GitHub's runner reads them: level, properties, message."""
    found = []
    for line in text.splitlines():
        command = COMMAND.fullmatch(line)
        assert command, f"{line!r} is no command"
        level, properties, message = command.groups()
        told = dict(each.split("=", 1) for each in properties.split(","))
        found.append({"level": level, "message": message} | told)
    return [{key: unescaped(value) for key, value in each.items()} for each in found]


def unescaped(text: str) -> str:
    """Return what the runner makes of escapes."""
    for escape, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ","}.items():
        text = text.replace(escape, character)
    return text.replace("%25", "%")


def only(*reports: Report, regressions: tuple[Regression, ...] = ()) -> dict[str, str]:
    """Return the only annotation there is."""
    (found,) = read(annotations(reports, regressions))
    return found


def test_what_matches_needs_none() -> None:
    """Not even a notice."""
    assert annotations([matching()] * 3) == ""


def test_a_wrong_gradient_is_an_error_at_the_candidate() -> None:
    """The title names gradient and bug; the message tells figures, reasons and the command."""
    found = only(wrong("Whh", "by", failure=failure("Whh", "by", diagnosis=DIAGNOSIS)))

    assert (found["level"], found["file"], found["line"]) == ("error", "my_rnn.py", "6")
    bug = "as with recurrence_not_transposed"
    assert found["title"] == f"rnnverify, char_rnn: dWhh and 1 more are wrong, {bug}"
    lines = found["message"].splitlines()
    assert lines[0] == "char_rnn: dWhh[0, 1] = -0.25, but should be 1.5 ± 2e-16"
    assert DIAGNOSIS.text in lines
    assert lines[-1].startswith("replay: rnnverify verify my_rnn.py:gradients")


@pytest.mark.parametrize(
    ("report", "level", "title"),
    [
        (wrong(), "error", "dWhh is wrong"),
        (wrong(verdict="nonfinite"), "error", "dWhh is not finite"),
        (wrong(verdict="scaled"), "error", "every gradient is off by one factor"),
        (wrong(verdict="nondeterministic"), "error", "gradients differ from call to call"),
        (invalid(), "error", "the candidate is invalid"),
        (inconclusive(), "warning", "too little was conclusive"),
    ],
)
def test_each_verdict_has_a_title_and_a_level(report: Report, level: str, title: str) -> None:
    """Only what is inconclusive is no error."""
    found = only(report)

    assert (found["level"], found["title"]) == (level, f"rnnverify, char_rnn: {title}")


def test_a_regression_is_an_error_at_the_candidate() -> None:
    """With the check and the kind as the title."""
    found = only(regressions=(REGRESSION,))

    assert (found["level"], found["file"], found["line"]) == ("error", "my_rnn.py", "6")
    assert found["message"] == REGRESSION.text
    assert "accuracy" in found["title"]


def test_a_verdict_is_not_told_twice() -> None:
    """A regression that says that a verdict is no match is told by the report, if there is one."""
    lost = Regression(check="c", kind="verdict", text="no match", place=REGRESSION.place)

    assert only(wrong(), regressions=(lost,))["title"] == "rnnverify, char_rnn: dWhh is wrong"
    assert only(matching(), regressions=(lost,))["message"] == "no match"
    assert [each["level"] for each in read(annotations([inconclusive()], [lost]))] == [
        *("error", "warning"),
    ]
    assert len(read(annotations([wrong()], [REGRESSION]))) == 2


def test_a_candidate_that_fails_under_several_clips_is_told_once() -> None:
    """Of the runs that are alike, the one whose bug is known is shown, and the others named."""
    known = wrong(clip="norm", failure=failure(diagnosis=DIAGNOSIS))
    found = only(wrong(), known, wrong(dtype="float32"))

    assert "recurrence_not_transposed" in found["title"]
    assert "my_rnn.py:gradients, float64, clip norm, generated" in found["message"]
    assert "also: float64, clip none, generated; float32, clip none, generated" in found["message"]
    assert len(read(annotations([wrong(), wrong(candidate="my_rnn.py:other")]))) == 2


def test_a_known_failure_is_a_warning() -> None:
    """It is told apart from the same failure where that is not known, which stays an error."""
    known, new = wrong(), wrong(dtype="float32")
    found = read(annotations([known, new], known=[known]))

    assert [(each["level"], each["title"]) for each in found] == [
        ("error", "rnnverify, char_rnn: dWhh is wrong"),
        ("warning", "rnnverify, char_rnn: dWhh is wrong (known, as in the baseline)"),
    ]
    assert "float64" not in found[0]["message"]
    assert found[1]["message"].splitlines()[-1].startswith("replay: ")


def test_a_known_failure_tells_no_regression() -> None:
    """That a verdict is worse is an error of its own, unless a report that is not known is one."""
    lost = Regression(check="c", kind="verdict", text="no match", place=REGRESSION.place)
    known = wrong()
    found = read(annotations([known], [lost], known=[known]))

    assert [each["level"] for each in found] == ["error", "warning"]


def test_the_worst_comes_first() -> None:
    """Whatever the order in which it was run."""
    found = read(annotations([inconclusive(), wrong(), invalid()], [REGRESSION]))

    assert [each["title"].split(": ")[1] for each in found] == [
        *("the candidate is invalid", "dWhh is wrong", "worse than the baseline (accuracy)"),
        "too little was conclusive",
    ]


@pytest.mark.parametrize(("n", "shown", "more"), [(10, 10, ""), (11, 10, "and 2 more")])
def test_the_tenth_says_how_many_more_there_are(n: int, shown: int, more: str) -> None:
    """GitHub shows ten errors of a step; where there are no more, all are shown."""
    found = read(annotations([wrong(candidate=f"my_rnn.py:f{i}") for i in range(n)]))

    assert len(found) == shown == MOST
    assert (found[-1]["title"] == more) == bool(more)
    assert found[-1]["message"].count("dWhh is wrong") == (2 if more else 0)


HOSTILE = "100% of a,b: c\r\nd\n::error::planted\x1b[31m \ud800"


def test_text_is_escaped_as_githubs_toolkit_does() -> None:
    """No text ends a line, a property or a command; what the runner reads is what was meant."""
    regression = Regression(check=HOSTILE, kind="speed", text=HOSTILE)
    text = annotations([invalid(HOSTILE, system=HOSTILE, candidate=HOSTILE)], [regression])
    found = read(text)

    assert text.count("\n") == len(found) == 2
    assert found[1]["message"] == "100% of a,b: c\nd\n::error::planted \\ud800"
    assert "100% of a,b: c d ::error::planted" in found[1]["title"]
    assert "%250A" in annotations([], [Regression(check="c", kind="k", text="%0A")])


def test_a_long_message_is_cut() -> None:
    """GitHub would cut it too, but says nothing of it; how to see it again is still told."""
    found = only(invalid("x" * 10**5))

    assert len(found["message"]) < LONGEST_MESSAGE
    assert "… (1000" in found["message"]
    assert "replay: " in found["message"]


@pytest.mark.parametrize("inside", [True, False])
def test_paths_are_from_the_workspace_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, inside: bool
) -> None:
    """Not from the current directory on; a file elsewhere is named by none."""
    (folder / "sub").mkdir()
    place = Place(file=str(folder / "my_rnn.py"), line=6)
    monkeypatch.chdir(folder / "sub")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder if inside else folder / "sub"))
    found = only(wrong(place=place))

    assert found.get("file") == ("my_rnn.py" if inside else None)
    assert ("line" in found) == inside


@pytest.mark.parametrize("place", [None, Place(file="<string>", line=1), Place(file="\0", line=1)])
def test_without_a_file_there_is_no_place(place: Place | None) -> None:
    """An annotation of a file that is not there would be shown nowhere."""
    assert "file" not in only(wrong("by", place=place))


# Which line


@pytest.mark.parametrize(
    ("wrong_ones", "line"),
    [
        (("Whh",), 11),  # one line computes it
        (("by",), 10),  # likewise; its zero does not count
        (("Wxh",), 6),  # two lines do: it could be either
        (("Whh", "by"), 6),  # what is wrong is something that they have in common
    ],
)
def test_the_line_that_computes_a_wrong_gradient_is_shown(
    wrong_ones: tuple[str, ...], line: int
) -> None:
    """Where there can be no doubt; or else where the candidate begins, decorators included."""
    assert line == pointed_line(wrong(*wrong_ones))


@pytest.mark.parametrize(
    ("statement", "is_shown"),
    [
        ("grads['Whh'] += x", True),
        ("grads['dWhh'] = x @ y", True),
        ("self.dWhh = x @ y", True),
        ("dWhh[:] = x @ y", True),
        ("dWhh[t] += x", True),
        ("dWhh: Array = x @ y", True),
        ("a, dWhh = 1, x @ y", True),
        ("a, dWhh = f(x)", True),
        ("return {'Whh': x @ y}", True),
        ("Whh_grad = x @ y", True),
        ("dWhh = x", False),  # handed on
        ("dWhh = np.zeros((2, 2))", False),
        ("return {'Whh': dWhh}", False),
        ("return {**dWhh}", False),
        ("Whh = x @ y", False),  # the weight
        ("dWhhs = x @ y", False),
        ("grads['bh'] = x @ y", False),
        ("grads[dWhh] = x @ y", False),
        ("dWhh == x @ y", False),
        ("this is no Python", False),
    ],
)
def test_what_computes_a_gradient(folder: Path, statement: str, *, is_shown: bool) -> None:
    """Assignments in all their forms, and entries of dicts, but nothing that hands on."""
    (folder / "my_rnn.py").write_text(f"\n\n\n\n\ndef f(case):\n    pass\n    {statement}\n")

    assert (8 if is_shown else 6) == pointed_line(wrong())


def test_a_candidate_without_a_function_is_shown_where_it_begins(folder: Path) -> None:
    """A lambda has no lines of its own."""
    (folder / "my_rnn.py").write_text("\n\n\n\n\nf = lambda case: {'Whh': x @ y}\n")

    assert pointed_line(wrong()) == 6


def test_a_line_outside_of_the_candidate_is_not_shown(folder: Path) -> None:
    """Another function of the same file may be another candidate's."""
    lines = "def g():\n    dWhh = x @ y\n\n\n\ndef f(case):\n    return g()\n"
    (folder / "my_rnn.py").write_text(lines)

    assert pointed_line(wrong()) == 6


def pointed_line(report: Report) -> int:
    """Return the line of the candidate's file that is pointed at."""
    place = pointed(report)
    assert place is not None
    assert place.file == "my_rnn.py"
    return place.line


def traceback(*frames: tuple[Any, int]) -> str:
    """Return a traceback through frames, as Python prints it."""
    lines = "".join(f'  File "{file}", line {n}, in f\n    g()\n' for file, n in frames)
    return f"Traceback (most recent call last):\n{lines}ValueError: not today\n"


def test_where_the_candidate_raised_is_shown(folder: Path) -> None:
    """The deepest line that is the user's own, in whatever file."""
    for name in ("helper.py", "venv/lib/site-packages/numpy.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    installed = folder / "venv/lib/site-packages/numpy.py"
    frames = [("my_rnn.py", 9), (folder / "helper.py", 3), (installed, 7), (re.__file__, 8)]
    found = only(invalid(traceback=traceback(*frames)))

    assert (found["file"], found["line"]) == ("helper.py", "3")
    assert "the candidate raised ValueError: not today" in found["message"]


def test_where_a_candidate_hangs_is_shown() -> None:
    """A stack that was taken from outside begins with the deepest line."""
    frames = '  File "my_rnn.py", line 9 in inner\n  File "my_rnn.py", line 12 in outer'
    found = only(invalid(traceback=f"most recent call first:\n{frames}"))

    assert (found["file"], found["line"]) == ("my_rnn.py", "9")


@pytest.mark.parametrize(
    "frames", [(), (("<string>", 3),), ((re.__file__, 8),), (("/no", 1),), (("\0", 1),)]
)
def test_a_traceback_elsewhere_shows_the_candidate(frames: tuple[tuple[str, int], ...]) -> None:
    """Where no line of it is the user's own, the definition is."""
    assert pointed_line(invalid(traceback=traceback(*frames))) == 6
