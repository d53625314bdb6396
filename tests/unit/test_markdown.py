"""Markdown for GitHub's step summary: readable with many reports, and whole whatever the text."""

import re

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rnnverify.reports.markdown import LIMIT, LONGEST_BLOCK, MOST_ROWS, block, inline, markdown
from rnnverify.results import Regression
from tests.made_reports import (
    DIAGNOSIS,
    REGRESSION,
    failure,
    inconclusive,
    invalid,
    matching,
    wrong,
)

HOSTILE = "a|b `c` ``` <img src=x> & **d** _e_ [f](g) ~~h~~ $i$ \\| :bug: https://j \x1b[31m\nk"
SHOWN = "a|b `c` ``` <img src=x> & **d** _e_ [f](g) ~~h~~ $i$ \\| :bug: https://j k"


def parsed(text: str) -> list[Token]:
    """Return what another reader makes of a text, with tables."""
    return MarkdownIt("commonmark").enable(["table"]).parse(text)


def shown(tokens: list[Token]) -> list[str]:
    """Return the text of each paragraph, heading and cell, without markup."""
    inlines = (token.children or [] for token in tokens if token.type == "inline")
    kinds = ("text", "text_special")
    return ["".join(c.content for c in each if c.type in kinds) for each in inlines]


def blocks(text: str) -> list[str]:
    """Return the blocks of code in a text."""
    return [token.content for token in parsed(text) if token.type == "fence"]


def rows(text: str) -> list[list[str]]:
    """Return the rows of all tables of a text."""
    found: list[list[Token]] = []
    for token in parsed(text):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline" and found and token.level > 2:
            found[-1].append(token)
    return [shown(row) for row in found]


def test_all_is_well_in_a_line() -> None:
    """Under the heading: kept, of how many runs, of how many checks."""
    heading, line, *_ = shown(parsed(markdown([matching()] * 3, heading="my gate")))

    assert heading == "my gate"
    assert line == "✅ kept: every gradient matches (3 runs, 24 checks)"


def test_what_is_not_well_in_a_line() -> None:
    """Failed: so many regressions, so many runs that are no match."""
    _, line, *_ = shown(parsed(markdown([matching(), wrong(), inconclusive()], [REGRESSION])))

    assert line == "❌ failed: 1 regression; 2 of 3 runs are no match (24 checks)"


def test_a_regression_fails_even_if_all_gradients_match() -> None:
    """A gate may be tripped by a weaker check."""
    _, line, *_ = shown(parsed(markdown([matching()], [REGRESSION, REGRESSION])))

    assert line == "❌ failed: 2 regressions; every gradient matches (1 run, 8 checks)"


def test_nothing_verified_is_not_kept() -> None:
    """An empty run does not look like a good one."""
    assert "kept" not in markdown([])
    assert "nothing was verified" in markdown([])
    assert "every gradient" not in markdown([], [REGRESSION])


def test_regressions_come_first_then_the_worst() -> None:
    """Then what is inconclusive, and what matches last."""
    text = markdown([matching(), inconclusive(), wrong(), invalid()], [REGRESSION])
    order = [REGRESSION.text, "<b>INVALID", "<b>WRONG", "<b>INCONCLUSIVE", "every gradient matches"]
    places = [text.index(each) for each in order]

    assert places == sorted(places)
    verdicts = [row[0] for row in rows(text)]
    assert verdicts == ["verdict", "invalid", "wrong", "inconclusive", "verdict", "match"]


def test_a_table_has_a_row_for_each_report() -> None:
    """With the same figures as in the terminal."""
    _, row = rows(markdown([matching(clip="norm", clip_active=0.5, truncate="5")]))

    assert row == [
        *("match", "char_rnn truncate 5", "my_rnn.py:gradients", "generated", "float64", "norm"),
        *("8", "100%", "15.4", "0.1", "50%"),
    ]


def test_a_failure_is_told_with_its_figures_and_how_to_see_it_again() -> None:
    """A block of code with what the terminal shows; and the command in one of its own."""
    told, replay = blocks(markdown([wrong(failure=failure("Whh", diagnosis=DIAGNOSIS))]))

    assert "WRONG  char_rnn" in told
    assert "\nat dWhh[0, 1]\n  got        -0.25\n  want       1.5\n" in told
    assert f"\n{DIAGNOSIS.text}\n" in told
    assert "of 8 cases, dWhh in 6 differ" in told
    assert replay == "rnnverify verify my_rnn.py:gradients --system char_rnn --case 2\n"


def test_a_traceback_is_shown() -> None:
    """As the candidate raised it, without colours."""
    told, _ = blocks(markdown([invalid(traceback="\x1b[31mValueError\x1b[0m: not today")]))

    assert "ValueError: not today" in told
    assert "\x1b" not in told


def test_an_inconclusive_report_says_what_was_weak() -> None:
    """There is no failing case, but there are gradients that were seldom conclusive."""
    (told,) = blocks(markdown([inconclusive()]))

    assert "conclusive in too few cases: Whh" in told


def test_many_reports_are_folded() -> None:
    """Ten failures are open, the others and all that match are a click away."""
    text = markdown([matching()] * 90 + [wrong()] * 12)

    assert text.count("<details open>") == 10
    assert text.count("<details>") == 3
    assert text.count("</details>") == 13
    assert "90 runs in which every gradient matches" in text
    assert len(rows(text)) == 104


def test_few_matching_reports_are_open() -> None:
    """Nobody has to click where there is room."""
    assert "<details>" not in markdown([matching()] * 10)


def test_a_table_too_long_to_be_read_says_how_much_more_there_is() -> None:
    """The rest is a number."""
    text = markdown([matching()] * (MOST_ROWS + 7))

    assert text.count("\n| match |") == MOST_ROWS
    assert "\n\n… and 7 more\n" in text


def test_notes_are_told() -> None:
    """What is odd but no failure is in a list of its own."""
    text = markdown([matching(notes=("dWhh came back in float32",))])

    assert "char_rnn float64 clip none: dWhh came back in float32" in shown(parsed(text))


def test_known_failures_are_kept() -> None:
    """They stand apart, and folded; the same failure that is not known has its place, and fails."""
    known, new = wrong(candidate="old.py:f"), wrong(candidate="new.py:f")
    text = markdown([known, matching()], known=[known])
    both = shown(parsed(markdown([known, new], known=[known])))

    assert shown(parsed(text))[1] == "✅ kept: 1 known failure, no other (2 runs, 16 checks)"
    assert "Known failures, as in the baseline" in shown(parsed(text))
    assert "No match" not in text
    assert "<details><summary><b>WRONG" in text
    assert both[1] == "❌ failed: 1 of 2 runs is no match; 1 known failure (16 checks)"
    assert both.index("No match") < both.index("new.py:f") < both.index("old.py:f")


def test_without_known_failures_there_is_no_heading() -> None:
    """A report that equals a known one is not known."""
    text = markdown([wrong()], known=[wrong()])

    assert "Known" not in text
    assert "❌" in text


@pytest.mark.parametrize(("n", "is_open"), [(1, True), (10, True), (11, False)])
def test_the_gates_notes_are_listed(n: int, *, is_open: bool) -> None:
    """A few are shown, many are a click away; they are text."""
    text = markdown([matching()], notes=[f"{HOSTILE}{i}" for i in range(n)])

    assert f"{SHOWN}{n - 1}" in shown(parsed(text))
    assert f"<summary>{n} gate note" in text
    assert ("<details>" not in text) == is_open


def test_no_notes_no_list() -> None:
    """There is no empty list."""
    assert "note" not in markdown([matching()])


def test_options_are_told_where_they_are_not_the_same() -> None:
    """In a column of their own, of all tables; where they are the same there is none."""
    scaled = matching(options={"scale": "1/T"})
    tables = rows(markdown([matching(), scaled, wrong()]))

    assert [row[3] for row in tables] == ["held to", "", "held to", "", "scale=1/T"]
    assert {len(row) for row in tables} == {12}
    assert "held to" not in rows(markdown([scaled, scaled]))[0]


def test_text_is_shown_as_it_stands() -> None:
    """No name and no message is taken for markup, in tables, lists and summaries."""
    assert shown(parsed(f"x {inline(HOSTILE)}")) == [f"x {SHOWN}"]
    text = markdown(
        [matching(candidate=HOSTILE), wrong(candidate=HOSTILE)],
        [Regression(check=HOSTILE, kind=HOSTILE, text=HOSTILE)],
        heading=HOSTILE,
    )

    assert "<img" not in re.sub(r"(?s)```+text\n.*?\n```+", "", text)
    assert [row[2] for row in rows(text)] == ["candidate", SHOWN, "candidate", SHOWN]
    assert {len(row) for row in rows(text)} == {11}
    assert SHOWN in shown(parsed(text))


def test_what_only_github_takes_for_markup_is_escaped_too() -> None:
    """Strikethrough, mathematics, emoji, mentions and addresses; plain names stay readable."""
    assert not set("~$@#|<>`*[]\\") & set(inline(HOSTILE + " @me").replace("&#", ""))
    assert ":bug:" not in inline(HOSTILE)
    assert "://" not in inline(HOSTILE)
    assert inline("my_rnn.py:gradients, value:5") == "my_rnn.py:gradients, value:5"


def test_without_escapes_text_would_be_markup() -> None:
    """The reader of these tests does take it for markup, where it is not escaped."""
    assert shown(parsed(f"x {HOSTILE}")) != [f"x {SHOWN}"]


@pytest.mark.parametrize("text", ["```\nx", "a ```` b", "~~~", "</details>", "<script>", "", "`"])
def test_a_block_of_code_holds_any_text(text: str) -> None:
    """Not even backticks end it, nor what follows is in it."""
    tokens = parsed(f"{block(text)}\n\nafter")

    assert (tokens[0].type, tokens[0].content) == ("fence", f"{text}\n")
    assert shown(tokens) == ["after"]


def test_a_long_message_is_cut() -> None:
    """It says how long it was; the command that shows the failure again is still there."""
    text = markdown([invalid("x" * 10**6)])

    assert len(text) < 2 * LONGEST_BLOCK
    assert re.search(r"… \(10\d{5} characters\)", text)
    assert "rnnverify verify my_rnn.py:gradients --case 1" in text


def test_it_stays_below_githubs_limit() -> None:
    """Bytes count, not characters; what has no room is named, and what is there is whole."""
    reports = [wrong(), *[invalid("σ" * LONGEST_BLOCK)] * 60, matching()]
    text = markdown(reports, [REGRESSION])

    assert LIMIT * 0.9 < len(text.encode()) < LIMIT
    (left_out,) = re.findall(r"Left out, as GitHub shows at most 1 MiB: (\d+) failures\.", text)
    assert text.count("<details") == 61 + 1 - int(left_out)
    assert text.count("<details") == text.count("</details>")
    assert "1 run in which every gradient matches" in text


def test_nothing_is_left_out_where_there_is_room() -> None:
    """A note that something is missing is only there if it is."""
    assert "Left out" not in markdown([wrong()] * 50, [REGRESSION])
