"""The benchmark suite: rows, README's tables and pictures, the command line. Nothing is timed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks import plots, readme
from benchmarks.__main__ import main
from benchmarks.checkers import CHECKERS
from benchmarks.harness import TimingError
from benchmarks.markdown_timings import bptt, cost_by_size, overhead, shown
from benchmarks.problems import count, plain_case
from benchmarks.readme import MissingMarkerError, with_blocks
from benchmarks.rows import KEYS, OURS, Row, joined
from benchmarks.sizes import DIMS, GROWING, LENGTHS, MOST_FOR_SLOW, STEPS
from benchmarks.tables import TABLES, Table, Take

TEXT = """# title
<!-- benchmarks: check -->
old
<!-- /benchmarks -->
between
<!-- benchmarks: overhead -->
older
<!-- /benchmarks -->
end
"""
BLOCKS = {"check": lambda rows: f"new: {len(rows)}"}
PICTURES = {"picture": lambda figure, _rows: figure.subplots().plot([1, 2])}
Run = Callable[..., Result]


def timing(who: str, seconds: float, **work: Any) -> Row:
    """Return what the harness says of one contestant."""
    head = {"table": "check", "system": "char_rnn", "size": 60, "dtype": "float64", "T": STEPS}
    return head | {"who": who, "seconds": seconds} | work


def two_rows(take: Take, _quick: bool) -> None:  # noqa: FBT001
    """Measure something, without taking time."""
    for row in joined([timing(OURS, 1.0), timing("torch fast", 4.0), timing("scipy", 0.5)]):
        take(row)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs the command line with one table of given making, in a folder of its own."""
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    monkeypatch.setattr(plots, "FOLDER", tmp_path / "plots")
    readme.README.write_text(TEXT)

    def invoke(*words: str, **making: Any) -> Result:
        table = Table(**{"measure": two_rows, "blocks": BLOCKS, "quick": True, **making})
        monkeypatch.setattr("benchmarks.__main__.TABLES", {"check": table})
        return CliRunner().invoke(main, words)

    return invoke


def test_a_peer_is_joined_with_rnnverify_at_the_same_work() -> None:
    """A row's ratio is our time over the peer's, and it has every key."""
    ours, theirs = timing(OURS, 1.0), timing("torch fast", 4.0)
    (row,) = joined([ours, theirs])

    assert row == dict.fromkeys(KEYS) | {
        **{key: ours[key] for key in ("table", "system", "size", "dtype", "T")},
        "peer": "torch fast",
        "ours_s": 1.0,
        "peer_s": 4.0,
        "ratio": 0.25,
    }


@pytest.mark.parametrize("other", [{"size": 330}, {"dtype": "float32"}, {"T": 4}])
def test_other_work_is_not_compared(other: dict[str, Any]) -> None:
    """A peer that was timed at something else has no row."""
    assert joined([timing(OURS, 1.0), timing("torch fast", 4.0, **other)]) == []


@pytest.mark.parametrize("system", DIMS)
def test_sizes_make_as_many_parameters_as_they_say(system: str) -> None:
    """P is what is asked for, or misses it by two at most."""
    for size in DIMS[system]:
        assert abs(count(plain_case(system, size, 1)) - size) <= 2


def test_a_table_stands_between_its_lines() -> None:
    """What README says elsewhere, and other tables, stay as they are."""
    assert with_blocks(TEXT, {"check": "new"}) == TEXT.replace("\nold\n", "\n\nnew\n\n")


def test_writing_a_table_twice_is_writing_it_once() -> None:
    """README does not grow with every run."""
    once = with_blocks(TEXT, {"check": "new"})

    assert with_blocks(once, {"check": "new"}) == once


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("check", "chek"), "has 0 lines '<!-- benchmarks: check -->'"),
        (TEXT + TEXT, "has 2 lines '<!-- benchmarks: check -->'"),
        (TEXT.replace("<!-- /benchmarks -->", "", 1), "has no line '<!-- /benchmarks -->' after"),
        (TEXT.replace("<!-- /benchmarks -->", ""), "has no line '<!-- /benchmarks -->' after"),
    ],
)
def test_a_missing_line_is_an_error(text: str, message: str) -> None:
    """A table without a place is not dropped, and does not swallow what follows."""
    with pytest.raises(MissingMarkerError, match=message):
        with_blocks(text, {"check": "new"})


@pytest.mark.parametrize("name", TABLES)
def test_readme_has_a_place_for_every_table(name: str) -> None:
    """Each part of README that a table fills is there, once."""
    with_blocks(readme.README.read_text(encoding="utf-8"), dict.fromkeys(TABLES[name].blocks, ""))


def test_a_run_rewrites_its_part_of_readme_and_its_pictures(run: Run) -> None:
    """Without --quick README shows what was measured, on what, and when."""
    result = run(pictures=PICTURES)
    text = readme.README.read_text()

    assert result.exit_code == 0, result.output
    assert "new: 2\n\nMeasured " in text
    assert "older" in text
    assert (plots.FOLDER / "picture.svg").exists()


def test_quick_leaves_readme_alone(run: Run) -> None:
    """With --quick neither README nor a picture is written."""
    result = run("--quick", pictures=PICTURES)

    assert result.exit_code == 0, result.output
    assert readme.README.read_text() == TEXT
    assert not plots.FOLDER.exists()


def test_json_has_the_agreed_keys(run: Run) -> None:
    """Standard output is one document, whose rows all have the same first keys."""
    result = run("--quick", "--json", "-")
    document = json.loads(result.stdout)

    assert list(document) == ["format", "machine", "rows"]
    assert document["format"] == 1
    assert {"cores", "python", "numpy", "jax", "date"} <= set(document["machine"])
    assert [list(row)[: len(KEYS)] for row in document["rows"]] == [list(KEYS)] * 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimingError("check: half")])
def test_rows_so_far_are_written(run: Run, error: BaseException, tmp_path: Path) -> None:
    """If measuring ends early, JSON has what there is, README is left alone, and it fails."""

    def measure(take: Take, quick: bool) -> None:  # noqa: FBT001
        two_rows(take, quick)
        raise error

    result = run("--json", str(tmp_path / "rows.json"), measure=measure)

    assert result.exit_code == 1
    assert len(json.loads((tmp_path / "rows.json").read_text())["rows"]) == 2
    assert readme.README.read_text() == TEXT


def test_a_table_without_rows_is_an_error(run: Run) -> None:
    """Nothing measured is no success, and empties no table."""
    result = run(measure=lambda _take, _quick: None)

    assert result.exit_code == 1
    assert "not a single row" in result.stderr
    assert readme.README.read_text() == TEXT


def test_an_unknown_table_is_refused() -> None:
    """--only knows the tables' names."""
    result = CliRunner().invoke(main, ["--only", "chek"])

    assert result.exit_code == 2
    assert "'chek' is not one of 'check', 'overhead'" in result.stderr


def test_what_quick_does_not_measure_is_refused() -> None:
    """--quick --only asks for what there is."""
    result = CliRunner().invoke(main, ["--quick", "--only", "long_run"])

    assert result.exit_code == 2
    assert "--quick measures nothing of long_run" in result.stderr


@pytest.mark.parametrize("kind", ["peers", "harness"])
def test_without_a_peer_readme_is_refused(run: Run, kind: str) -> None:
    """README does not lose figures because a package is missing; it is said which, at once."""
    measured: list[bool] = []
    making = {kind: ("no_such_package",), "measure": lambda _take, quick: measured.append(quick)}
    result = run(**making)

    assert result.exit_code == 2
    assert "without no_such_package: pip install -e '.[peers,benchmarks]'" in result.stderr
    assert (readme.README.read_text(), measured) == (TEXT, [])


def test_without_a_peer_quick_goes_on(run: Run) -> None:
    """It is skipped, and that is said."""
    result = run("--quick", peers=("no_such_package",))

    assert result.exit_code == 0
    assert "check: no_such_package is not installed, and so skipped" in result.stderr


def test_a_place_that_is_missing_is_told_before_anything_is_measured(run: Run) -> None:
    """Hours of work are not thrown away in the end."""
    measured: list[bool] = []
    result = run(blocks={"elsewhere": str}, measure=lambda _take, quick: measured.append(quick))

    assert result.exit_code == 2
    assert "has 0 lines '<!-- benchmarks: elsewhere -->'" in result.stderr
    assert measured == []


def cubic() -> list[Row]:
    """Return rows of checkers whose time is like P³T, in which slow ones stop where they do."""
    works = [(P, STEPS) for P in DIMS["lstm"]] + [(GROWING, T) for T in LENGTHS if T != STEPS]
    return joined(
        timing(who, 1e-9 * (1 + i) * P**3 * T, size=P, T=T)
        for P, T in works
        for i, (who, checker) in enumerate(CHECKERS.items())
        if not (checker.linear and P > MOST_FOR_SLOW)
    )


def test_growth_is_the_exponent_of_a_power_law() -> None:
    """Times like P³ are shown to grow with the exponent 3, those of slow checkers too."""
    lines = cost_by_size(cubic()).splitlines()
    (exponents,) = (line for line in lines if "| exponent of P |" in line)

    assert exponents.split("|")[3:-1] == [" 3.00 "] * len(CHECKERS)


def test_what_was_not_run_is_no_figure() -> None:
    """Where a slow checker has no row, the table has a dash, and says why."""
    table = cost_by_size(cubic())
    (largest,) = (line for line in table.splitlines() if line.startswith("| `char_rnn` | 500,000"))

    assert largest.count("—") == sum(checker.linear for checker in CHECKERS.values())
    assert "—: not run, since" in table


def test_other_tables() -> None:
    """Seconds are of one case, and the limit is shown as the share that is reached."""
    plain = timing("candidate + gradient", 1e-3, table="overhead")
    checked = timing(OURS, 2.5e-3, table="overhead")
    dims = {"axes": ["T", "V", "H"], "size": [25, 65, 100], "table": "bptt"}
    by_hand, limit = timing(OURS, 1e-3, **dims), timing("limit", 6e-4, **dims)

    assert "| `char_rnn` | 60 | float64 | 2.5 ms | 1.0 ms | 2.5 | — |" in overhead(
        joined([checked, plain])
    )
    assert "| T, V, H = 25, 65, 100 | float64 | 1.0 ms | 60% |" in bptt(joined([by_hand, limit]))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.234e-5, "12 µs"), (9.99e-4, "999 µs"), (0.0034, "3.4 ms"), (47.0, "47 s"), (None, "—")],
)
def test_times_are_readable(seconds: float | None, text: str) -> None:
    """A time has a unit that fits it, and two or three digits."""
    assert shown(seconds) == text


def test_the_same_rows_make_the_same_picture(tmp_path: Path, monkeypatch: Any) -> None:
    """A picture is made of rows alone: no date, no random names."""
    monkeypatch.setattr(plots, "FOLDER", tmp_path)
    drawn = [plots.save("check", plots.cost_by_size, cubic()).read_bytes() for _ in range(2)]

    assert drawn[0] == drawn[1]
    assert b"<dc:date>" not in drawn[0]


def test_another_figure_makes_another_picture(tmp_path: Path, monkeypatch: Any) -> None:
    """A picture shows the rows that it is made of."""
    monkeypatch.setattr(plots, "FOLDER", tmp_path)
    rows = cubic()
    others = [row | {"ours_s": 2 * row["ours_s"]} for row in rows]
    first, second = (
        plots.save("check", plots.cost_by_size, each).read_bytes() for each in (rows, others)
    )

    assert first != second


def test_all_seven_tables_are_there() -> None:
    """--quick measures check and bptt; the others are README's alone."""
    assert {name for name, table in TABLES.items() if table.quick} == {"check", "bptt"}
    assert len(TABLES) == 7
