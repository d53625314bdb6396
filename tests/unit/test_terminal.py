"""Reports at a terminal: rows are told apart, nothing is cut, and names are shown as they stand."""

import pytest
from rich.console import Console

from rnnverify.reports import words
from rnnverify.reports.terminal import show, show_verdict
from rnnverify.results import Report
from tests.made_reports import failure, inconclusive, invalid, matching, wrong

HEADINGS = "system input dtype clip cases conclusive digits worst clipped verdict"


def screen(width: int = 80, *, is_terminal: bool = False) -> Console:
    """Return where reports can be shown, and read."""
    return Console(width=width, force_terminal=is_terminal, color_system=None, record=True)


def shown(*reports: Report, known: tuple[Report, ...] = (), console: Console | None = None) -> str:
    """Return what is printed of reports."""
    made = console or screen()
    show(made, reports, known=known)
    return made.export_text()


def table_of(text: str) -> list[list[str]]:
    """Return the words of the table's rows, the headings first."""
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if not line or "no match" in line or "(" in line)
    return [line.split() for line in lines[:end]]


def test_one_candidate_is_not_named() -> None:
    """It is what was asked for; its options are in a note."""
    text = shown(wrong(options={"scale": "1/T"}), matching(options={"scale": "1/T"}))

    assert table_of(text)[0] == HEADINGS.split()
    assert "my_rnn.py:gradients" not in text.split("replay")[0]
    assert "note: char_rnn: held to scale=1/T" in text


def test_a_candidate_of_each_system_is_not_named() -> None:
    """The system tells which it is, as of the built-in models."""
    text = shown(matching(), matching(system="lstm", candidate="theirs.py:f"))

    assert "theirs.py:f" not in text


def test_several_candidates_are_named() -> None:
    """In the table, in the heading of each failure, and in notes."""
    notes = ("dWhh came back in float32",)
    text = shown(wrong(candidate="mine.py:f"), matching(candidate="theirs.py:f", notes=notes))
    headings, first, second = table_of(text)

    assert headings[1] == "candidate"
    assert (first[1], second[1]) == ("mine.py:f", "theirs.py:f")
    assert "WRONG  char_rnn  generated  clip none  mine.py:f  dWhh (" in text
    assert "note: theirs.py:f char_rnn float64 clip none: dWhh came back in float32" in text


def test_other_options_are_told() -> None:
    """In the table and in the heading of each failure; a note is not needed then."""
    text = shown(wrong(options={"scale": "1/T"}), matching())
    headings, first, second = table_of(text)

    assert headings[1:3] == ["held", "to"]
    assert (first[1], second[1]) == ("scale=1/T", "generated")
    assert "WRONG  char_rnn  generated  clip none  scale=1/T  dWhh (" in text
    assert "note:" not in text


@pytest.mark.parametrize("change", [{"truncate": "5"}, {"lengths": True}])
def test_truncations_and_lengths_are_told(change: dict[str, object]) -> None:
    """They are part of the system's name."""
    _, first, second = table_of(shown(matching(), matching(**change)))

    assert first != second


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_cut(width: int, *, is_terminal: bool) -> None:
    """Headings and figures are whole in any width; names of usual length too."""
    long = matching(candidate="other_module.py:function", truncate="chunks:5")
    text = shown(wrong(), long, console=screen(width, is_terminal=is_terminal))
    printed = {word for row in table_of(text) for word in row}

    assert "…" not in text
    assert {*HEADINGS.split(), "candidate", "generated", "1e+14"} <= printed
    assert {"my_rnn.py:gradients", "other_module.py:function", "chunks:5"} <= printed


def test_long_names_are_folded_at_a_terminal() -> None:
    """Not a character is lost, and the other columns stay in sight; elsewhere they are whole."""
    reports = [matching(candidate=c * 70) for c in "ab"]
    folded = shown(*reports, console=screen(120, is_terminal=True))

    assert folded.count("a" * 20) > 1
    assert sum(word.count("a") for word in folded.split() if set(word) == {"a"}) == 70
    assert max(map(len, folded.splitlines())) <= 120
    assert "a" * 70 in shown(*reports)


def test_names_are_no_markup() -> None:
    """Brackets, emoji and colours in names are shown as they stand, in tables and headings."""
    names = {"system": "[x]", "candidate": "[/red] :bug:", "clip": "[bold]\x1b[31m"}
    text = shown(wrong(**names), invalid(**names), matching(system="[x]"))

    assert text.count("[/red] :bug:") == 4
    assert "WRONG  [x]  generated  clip [bold]  [/red] :bug:  dWhh (" in text
    assert "\x1b" not in text


def test_a_case_of_a_system_with_brackets_is_shown() -> None:
    """Its verdict, too, has the name as it stands."""
    console, made = screen(), failure()
    object.__setattr__(made.verdict.case, "system", "[x]")
    show_verdict(console, made.verdict, made)

    assert console.export_text().startswith("WRONG  [x]\n")


def test_a_known_failure_is_told_as_such() -> None:
    """In its row and in the last line; one that equals it is none."""
    known, equal = inconclusive(), inconclusive()
    text = shown(known, matching(), known=(known,))

    assert "inconclusive, known" in text
    assert text.endswith("\n1 known failure, no other (2 runs, 16 checks)\n")
    assert known == equal
    assert "known" not in shown(equal, known=(known,))


@pytest.mark.parametrize(
    ("reports", "n_known", "told"),
    [
        ([matching(cases=1)], 0, "every gradient matches (1 run, 1 check)"),
        ([matching(), matching()], 0, "every gradient matches (2 runs, 16 checks)"),
        ([wrong(cases=1)], 0, "1 of 1 run is no match (1 check)"),
        ([wrong(), inconclusive()], 0, "2 of 2 runs are no match (16 checks)"),
        ([wrong()], 1, "1 known failure, no other (1 run, 8 checks)"),
        ([wrong(), wrong()], 2, "2 known failures, no other (2 runs, 16 checks)"),
        ([wrong(), wrong()], 1, "1 of 2 runs is no match; 1 known failure (16 checks)"),
        ([matching()], 1, "every gradient matches (1 run, 8 checks)"),
    ],
)
def test_one_is_one_and_two_are_two(reports: list[Report], n_known: int, told: str) -> None:
    """The last line counts in English."""
    assert words.summary(reports, reports[:n_known]) == told
