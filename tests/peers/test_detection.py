"""The benchmark of detection: peers are used rightly, and what is counted is what it says."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import peers
from benchmarks.contests import STEPS, drawn, problem, verdict_on
from benchmarks.detection import detected, main, rejects
from benchmarks.losses import LOSSES
from benchmarks.markdown_detection import tables
from rnnverify.builtin import CHAR_RNN, SYSTEMS
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Case

GROSS = ("carry_dropped", "slope_of_the_state_before", "state_before_wraps", "sign_of_the_error")


@pytest.fixture(scope="module")
def found() -> dict[str, list[Case]]:
    return drawn(CHAR_RNN, 2, 0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave four mutants, all gross, in char_rnn's catalogue."""
    left = tuple(each for each in CATALOGUE["char_rnn"] if each.name in GROSS)
    monkeypatch.setattr("benchmarks.detection.CATALOGUE", {"char_rnn": left})


def the(name: str) -> Mutant:
    """Return a mutant of char_rnn."""
    (mutant,) = (each for each in CATALOGUE["char_rnn"] if each.name == name)
    return mutant


def peer_called(name: str) -> peers.Peer:
    """Return a peer; skip where its package is not installed."""
    pytest.importorskip(peers.package_of(name))
    return peers.PEERS[name]


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_loss_is_the_models(system: str) -> None:
    """The loss of which differences are taken is the one that the model returns."""
    for cases in drawn(SYSTEMS[system], 2, 0).values():
        for case in cases:
            want = SYSTEMS[system].gradients(case)["loss"]

            assert LOSSES[system](case) == pytest.approx(want, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("system", ["char_rnn", "lstm"])
def test_the_losses_are_what_they_are_called(system: str) -> None:
    """Every step is weighted 1, or the last alone; the last cell counts in both."""
    scanned = "loss_weights" if system == "char_rnn" else "G"
    for steps, cases in drawn(SYSTEMS[system], 2, 0).items():
        for case in cases:
            assert np.all(case[scanned][:-1] == (steps == "all steps"))
            assert np.all(case[scanned][-1] == 1)
            assert "G_cT" not in case or np.all(case["G_cT"] == 1)
            assert min(case.dims.values()) > 1


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_accepts_what_is_right(name: str, found: dict[str, list[Case]]) -> None:
    """The model's own gradient passes."""
    peer = peer_called(name)

    for case in [*found["all steps"], *found["last step"]]:
        assert peer(problem(case, CHAR_RNN.gradients))


@pytest.mark.parametrize("mutant", GROSS)
@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_rejects_a_gross_bug(name: str, mutant: str, found: dict[str, list[Case]]) -> None:
    """A bug that any checker should see is seen, where rnnverify's tolerance is passed."""
    peer = peer_called(name)

    killable = [c for c in found["all steps"] if verdict_on(c, the(mutant).fresh()).failed]
    assert killable
    for case in killable:
        assert rejects(peer, problem(case, the(mutant).fresh()))


def test_a_bug_that_hides_is_not_held_against_anybody(found: dict[str, list[Case]]) -> None:
    """Loss weights that are forgotten show in the last step's loss only."""
    mutant = the("output_bias_without_loss_weights")
    kinds = {steps: verdict_on(found[steps][0], mutant.fresh()).kind for steps in STEPS}

    assert kinds == {"all steps": "match", "last step": "wrong"}


@pytest.mark.usefixtures("few")
def test_what_is_counted() -> None:
    """Our own checker kills what can be and accuses nobody; others get what they answer."""
    rows = detected("char_rnn", 2, 0, {"nobody": lambda _: True, "nothing": lambda _: False})
    ours, accepting, rejecting = (row for row in rows if row["loss"] == "all steps")

    assert ours["killed"] == ours["killable"] >= len(GROSS)
    assert ours["killed"] == ours["gross_killed"] == ours["gross_killable"]
    assert (ours["false_alarms"], ours["checks"], ours["seconds_ratio"]) == (0, 2, 1)
    assert (accepting["killed"], accepting["mutants_killed"], accepting["false_alarms"]) == (
        0,
        0,
        0,
    )
    assert rejecting["mutants_killed"] == rejecting["mutants_killable"] == len(GROSS)
    assert rejecting["false_alarms"] == 2


@pytest.mark.usefixtures("few")
def test_a_missing_peer_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One whose package is not there is named, and has no row."""
    monkeypatch.setattr(peers, "PEERS", {"no_such_package check": lambda _: True})
    monkeypatch.setattr("benchmarks.detection.ERRORS", [0.1])
    target = tmp_path / "rows.json"

    command = ["--system", "char_rnn", "--cases", "2", "--markdown", "--json", str(target)]
    result = CliRunner().invoke(main, command)
    written = json.loads(target.read_text())

    assert result.exit_code == 0
    assert "no_such_package check: not installed, and so skipped" in result.stderr
    assert {"rnnverify"} == {row["peer"] for row in written["rows"]}
    assert result.stdout == tables(written["rows"]) + "\n"
    assert "| rnnverify | all steps |" in result.stdout
    assert "| 4 of 4 (100.0%) |" in result.stdout
