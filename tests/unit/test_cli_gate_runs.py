"""``rnnverify gate`` at the edges: interruptions, updates, and what is checked."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnnverify import runner
from rnnverify.cli.planning import planned
from rnnverify.gating.baselines import Baseline, Kills
from tests import gates
from tests.commands import document
from tests.gates import BASE, CHECK, CODE, WRONG, edit, gate, held_to, kinds, known, made, options

NAMED = ("my_rnn.py:gradients", "--system", "char_rnn")
NAME = "my_rnn.py:gradients char_rnn float64"
SECOND = CHECK.replace('"char_rnn"', '"char_rnn"\ndtype = "float32"')
TEST = """
import rnnverify
from my_rnn import gradients

@rnnverify.gradient_test("char_rnn")
def test_it(case):
    return gradients(case)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with right code and one check, as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return gates.begin(tmp_path)


def count(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let mutants be counted under these names, without running any."""
    found = {name: Kills(killed=1, of=1) for name in names}
    monkeypatch.setattr("rnnverify.cli.judging._kills", lambda _checks: found)


def interrupt(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Press Ctrl-C after the first of two checks, or while mutants are counted."""
    execute, seen = runner.execute, []

    def once(*given: Any) -> Any:
        seen.append(given)
        if len(seen) > 1:
            raise KeyboardInterrupt
        return execute(*given)

    def counting(_checks: Any) -> Any:
        raise KeyboardInterrupt

    if when == "checks":
        monkeypatch.setattr(runner, "execute", once)
    else:
        monkeypatch.setattr("rnnverify.cli.judging._kills", counting)


@pytest.mark.parametrize("when", ["checks", "mutants"])
def test_an_interrupted_update_writes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A baseline of half the checks would hide the rest."""
    (project / "pyproject.toml").write_text(CHECK + SECOND)
    interrupt(monkeypatch, when)
    result = gate("--update")

    assert result.exit_code == 130
    assert document(result)["updated"] is False
    assert not (project / "b.json").exists()


def test_what_an_interruption_left_out_is_not_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of it."""
    (project / "pyproject.toml").write_text(CHECK + SECOND)
    made()
    interrupt(monkeypatch, "checks")
    result = gate()

    assert result.exit_code == 130
    assert document(result)["regressions"] == []


@pytest.mark.usefixtures("project")
def test_an_interrupted_gate_does_not_say_that_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the JSON nor on the terminal."""
    made()
    interrupt(monkeypatch, "mutants")
    result = gate()

    assert result.exit_code == 130
    assert document(result)["kept"] is False
    assert "all is as good" not in result.stderr


@pytest.mark.usefixtures("project")
def test_an_update_loses_no_mutants_that_it_did_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those of other checks nor, with --no-mutants, any; one of the whole drops them."""
    count(monkeypatch, "one")
    made()
    count(monkeypatch, "another")
    made(*NAMED)
    named = [*gates.kept()["mutants"]]
    count(monkeypatch)
    made("--no-mutants")
    without = [*gates.kept()["mutants"]]
    count(monkeypatch, "one")
    made()

    assert named == without == ["another", "one"]
    assert [*gates.kept()["mutants"]] == ["one"]


@pytest.mark.usefixtures("project")
def test_mutants_that_are_no_longer_counted_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is weaker, unless --no-mutants asks for that."""
    count(monkeypatch, NAME)
    made()
    count(monkeypatch)

    assert kinds(gate("--no-mutants")) == []
    assert kinds(gate()) == ["mutants"]


@pytest.mark.usefixtures("project")
def test_mutants_are_counted_on_the_baselines_own_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another seed alone is no regression, however many they happen to kill."""
    seeds: list[int] = []

    def kills(_system: str, *, cases: int, seed: int) -> dict[str, bool]:
        assert cases == 5
        seeds.append(seed)
        return {"late": seed == 1}

    monkeypatch.setattr("rnnverify.surveys.kills_of_catalogue", kills)
    few = ("--system", "char_rnn", "--dtype", "float64", "--clip", "none", "--cases", "5")
    made(*few, "--seed", "1")

    assert kinds(gate(*few, "--seed", "2")) == []
    assert seeds == [1, 1]


def test_an_update_records_the_versions_of_now(project: Path) -> None:
    """And the note on others is in the JSON, until then."""
    made()
    text = (project / "b.json").read_text()
    (project / "b.json").write_text(text.replace('"numpy": "', '"numpy": "0.'))
    (note,) = document(gate("--update"))["notes"]

    assert "the baseline was made with 0." in note
    assert (project / "b.json").read_text() == text


def test_what_was_chance_is_noted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no regression, and not passed over in silence."""
    made()
    edit(project, WRONG)
    monkeypatch.setattr("rnnverify.gating.doubts.upheld", lambda *_: [])
    result = gate()

    assert kinds(result) == []
    assert f"note: {NAME}: clip none: wrong, where it was match: by chance" in result.stderr


def test_an_update_says_what_is_no_match(project: Path) -> None:
    """It is a regression no more, and neither are its kept cases."""
    edit(project, WRONG)
    result = gate("--update", "--corpus", "corpus")
    again = gate("--corpus", "corpus")

    assert result.exit_code == 0
    assert "wrote b.json: 1 check; 1 verdict in it no match, and to stay so" in result.stderr
    assert "the failing case is kept as" in result.stderr
    assert kinds(again) == []
    assert document(again)["corpus"][0]["verdict"] == "wrong"


@pytest.mark.usefixtures("project")
def test_cases_are_those_asked_for_or_else_the_baselines() -> None:
    """The command line goes before pyproject.toml, and that before the baseline."""
    before = Baseline(checks={NAME: known("match")})
    named = options(candidates=NAMED[:1], each=replace(BASE, system=("char_rnn",)))
    found = [planned(each, before)[0].run for each in (named, options(), options(cases=7))]

    assert [(each.cases, each.seed) for each in found] == [(5, 3), (12, 3), (7, 3)]


@pytest.mark.usefixtures("project")
def test_mutants_of_ones_own_code_are_counted_if_the_baseline_has_them() -> None:
    """Or else it would not be seen that fewer are killed."""
    counted = Baseline(checks={}, mutants={NAME: Kills(killed=1, of=1)})
    asked = [(counted, None), (counted, False), (Baseline(checks={}), None)]

    found = [planned(options(mutants=said), before)[0].mutants for before, said in asked]
    assert found == [True, False, False]


def test_mutants_are_counted_by_the_first_check_that_asks_for_them(project: Path) -> None:
    """Not by none, if another check of the same model asks for none."""
    table = '[[tool.rnnverify.check]]\nsystem = "elman"\ndtype = "{}"\nmutants = {}\n'
    text = table.format("float64", "false") + table.format("float32", "true")
    (project / "pyproject.toml").write_text(text)

    assert [each.mutants for each in planned(options(), Baseline(checks={}))] == [False, True]


def test_a_check_that_is_asked_for_twice_is_refused_before_anything_is_run(project: Path) -> None:
    """It is named."""
    (project / "pyproject.toml").write_text(CHECK + CHECK)
    result = gate("--update")

    assert result.exit_code == 2
    assert f"{NAME}: asked for twice" in result.stderr


def test_the_whole_is_what_nobody_named() -> None:
    """A system that is named leaves the others out, too."""
    named = options(each=replace(BASE, system=("char_rnn",)))

    assert options().whole
    assert not named.whole
    assert not options(candidates=("a.py:b",)).whole


def test_a_test_has_pictures_too(project: Path) -> None:
    """Its page holds what other checks' pages do."""
    (project / "test_mine.py").write_text(TEST)
    each = replace(BASE, html="a.html")
    asked = [options(candidates=("test_mine.py:test_it",), each=e) for e in (each, BASE)]
    found = [planned(each, Baseline(checks={}))[0].run.detailed for each in asked]

    assert found == [True, False]


@pytest.mark.usefixtures("project")
def test_what_a_test_is_held_to_is_not_said_from_outside(project: Path) -> None:
    """An option that would be ignored is refused, with the check that it stands in."""
    (project / "test_mine.py").write_text(
        "import rnnverify\nfrom my_rnn import gradients\n\n"
        '@rnnverify.gradient_test("char_rnn")\ndef test_it(case):\n    return gradients(case)\n'
    )
    check = '[[tool.rnnverify.check]]\ncandidate = "test_mine.py:test_it"\nclip = "value"\n'
    (project / "pyproject.toml").write_text(check)
    result = gate("--update")

    assert result.exit_code == 2
    assert "pyproject.toml, check 1: clip: test_mine.py:test_it is a test" in result.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('clip = "values"', "check 1: clip: unknown 'values'"),
        ('dtype = "float16"', "check 1: dtype: unknown 'float16'"),
        ("dims = {Q = 3}", "check 1: dims:"),
    ],
)
def test_what_is_wrong_of_a_check_is_told_with_its_place(
    project: Path, line: str, said: str
) -> None:
    """Also where it is found only when the check is made ready."""
    held_to(project, f"{line}\n")
    result = gate("--update")

    assert result.exit_code == 2
    assert f"pyproject.toml, {said}" in result.stderr


def test_modules_are_looked_for_beside_the_pyproject(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below, too."""
    (project / "my_package").mkdir()
    (project / "my_package" / "nets.py").write_text(CODE)
    (project / "pyproject.toml").write_text(CHECK.replace("my_rnn.py", "my_package.nets"))
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    monkeypatch.setattr("sys.path", [path for path in sys.path if path != str(project)])

    assert gate("--update").exit_code == 0


def test_that_no_check_is_found_is_told(project: Path) -> None:
    """So that nobody thinks that their own code was checked."""
    (project / "pyproject.toml").write_text("[[tool.rnnverfy.check]]\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("rnnverify.cli.planning._runs", lambda _asked: [])
        result = gate("--update")

    assert "no checks in a pyproject.toml: the built-in models are checked" in result.stderr


def test_a_check_that_the_baseline_does_not_know_is_not_as_good_as_in_it(project: Path) -> None:
    """The last line tells it apart; ./ makes no other check of it."""
    made()
    (project / "other.py").write_text(CODE)
    other = gate("other.py:gradients", "--system", "char_rnn", "--cases", "5")
    same = gate("./my_rnn.py:gradients", "--system", "char_rnn")

    assert "(0 checks, and 1 that it does not know)" in other.stderr
    assert "all is as good as in b.json (1 check)" in same.stderr


def test_a_baseline_is_not_written_of_what_is_invalid(project: Path) -> None:
    """And that is said."""
    edit(project, "\ndef gradients(case):\n    raise ValueError('not today')\n")
    result = gate("--update")

    assert "b.json is not written: a candidate is invalid" in result.stderr
    assert "ACCEPTED" not in result.stderr


def test_the_command_line_decides_for_all_checks_whether_mutants_are_counted(
    project: Path,
) -> None:
    """It goes before what a check says."""
    held_to(project, "mutants = true\n")
    found = [
        planned(options(mutants=said), Baseline(checks={}))[0].mutants
        for said in (None, True, False)
    ]

    assert found == [True, True, False]
