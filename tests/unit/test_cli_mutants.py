"""``rnnverify mutants``: its contract, over a catalogue of a few bugs."""

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rnnverify.mutants
from rnnverify import surveys
from rnnverify.builtin import find_system
from rnnverify.cli import cli
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant

KEYS = {"format", "version", "total", "killed", "named", "mutants", "unchanged", "seconds"}


def mutant(name: str) -> Mutant:
    """Return a mutant of char_rnn."""
    (found,) = (each for each in CATALOGUE["char_rnn"] if each.name == name)
    return found


ALIKE = replace(
    mutant("slope_of_the_state_before"), name="alike", after="slope = (1 - h[1:]) * (1 + h[1:])"
)
"""None: it gives what the model gives."""
SLIP, TURNED = mutant("recurrence_not_transposed"), mutant("recurrent_gradient_transposed")


def few(monkeypatch: pytest.MonkeyPatch, *mutants: Mutant) -> None:
    """Put a few mutants in the place of the catalogue."""
    for module in (rnnverify.mutants, surveys):
        monkeypatch.setattr(module, "CATALOGUE", {"char_rnn": mutants})


def run(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["mutants", *words])


def document(result: Result) -> dict[str, Any]:
    """Return what was printed as JSON; nothing else may stand beside it."""
    read: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    return read


def test_the_json_keeps_its_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys, and no more; of each mutant what became of it; the model itself stands apart."""
    few(monkeypatch, SLIP, TURNED)
    result = run("--cases", "30", "--json", "-")
    read = document(result)

    assert result.exit_code == 0
    assert set(read) == KEYS
    assert (read["format"], read["total"], read["killed"], read["named"]) == (1, 2, 2, 2)
    assert [each["name"] for each in read["mutants"]] == [SLIP.name, TURNED.name]
    for each in read["mutants"]:
        assert {"system", "name", "killed", "cases", "named", "diagnosis"} <= set(each)
        assert (each["system"], each["killed"], each["named"]) == ("char_rnn", True, True)
        assert each["diagnosis"]["name"] == each["name"]
        assert 1 <= each["cases"] <= 30
    assert [(each["name"], each["killed"]) for each in read["unchanged"]] == [("", False)]
    assert "2 of 2 mutants killed" in result.stderr


def test_the_same_command_gives_the_same_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the seconds that it took."""
    few(monkeypatch, SLIP)
    first, again = (document(run("--cases", "10", "--json", "-")) for _ in range(2))

    assert first.pop("seconds") > 0
    assert again.pop("seconds") > 0
    assert first == again


def test_a_table_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a mutant: after how many cases it was killed, and whether it was named."""
    few(monkeypatch, SLIP)
    result = run("--system", "char_rnn", "--cases", "20")
    (row,) = (line for line in result.stdout.splitlines() if SLIP.name in line)

    assert result.exit_code == 0
    assert row.split()[0] == "char_rnn"
    assert row.split()[-2:] == ["wrong", "yes"]
    assert "1 of 1 mutants killed, half of them by case" in result.stdout
    assert "1 named" in result.stdout


def test_a_survivor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, and what was changed, for a mutant that gives what the model gives."""
    few(monkeypatch, ALIKE, SLIP)
    result = run("--cases", "15")

    assert result.exit_code == 1
    assert f"survived 15 cases: char_rnn alike: {ALIKE.after}" in result.stdout
    assert "1 of 2 mutants killed" in result.stdout


def test_few_cases_leave_survivors(monkeypatch: pytest.MonkeyPatch) -> None:
    """One case, of one step and one unit, shows nothing of a transposition."""
    few(monkeypatch, TURNED)
    result = run("--cases", "1", "--json", "-")
    (only,) = document(result)["mutants"]

    assert result.exit_code == 1
    assert (only["killed"], only["cases"], only["named"]) == (False, 1, False)


def test_an_interruption_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a survey; what was done until then is shown, and written."""
    few(monkeypatch, TURNED, SLIP)
    of_mutant = surveys.of_mutant

    def interrupted(mutant: Mutant, **settings: int) -> surveys.Outcome:
        if mutant is SLIP:
            raise KeyboardInterrupt
        return of_mutant(mutant, **settings)

    monkeypatch.setattr(surveys, "of_mutant", interrupted)
    result = run("--cases", "10", "--json", "-")

    assert result.exit_code == 130
    assert "interrupted after 1 mutants" in result.stderr
    assert [each["name"] for each in document(result)["mutants"]] == [TURNED.name]


def test_what_is_right_but_accused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that fails as it stands gives exit code 1, and the mutants are run all the same."""
    few(monkeypatch, SLIP)
    system = replace(find_system("char_rnn"), gradients=TURNED.gradients)
    monkeypatch.setattr(surveys, "find_system", lambda _: system)
    result = run("--cases", "20")

    assert result.exit_code == 1
    assert "char_rnn: as it stands, before anything is changed, it is wrong" in result.stdout
    assert "1 of 1 mutants killed" in result.stdout
