"""``rnnverify gate``: what is worse than the baseline ends a build, and nothing else does."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import rnnverify
from rnnverify import comparing, mutants, strategies
from rnnverify.loops import LOOPS
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Candidate, Case
from rnnverify.storage import save_case
from tests import gates
from tests.commands import document, run
from tests.files import CANDIDATES
from tests.gates import CHECK, RARELY_WRONG, WRONG, edit, gate, held_to, kinds, made
from tests.support import char_rnn_case

COARSE = """
def gradients(case):
    return {name: gradient * (1 + 1e-7) for name, gradient in model(case).items()}
"""
WITH_TERMS = """
def gradients(case):
    found = model(case)
    return {name: 2 * found[name] - found[name] for name in found}
"""
SLOW = """
def gradients(case):
    time.sleep(0.02)
    return dict(model(case))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with right code and one check, as the current folder."""
    monkeypatch.chdir(tmp_path)
    return gates.begin(tmp_path)


@pytest.mark.usefixtures("project")
def test_what_is_as_good_as_the_baseline_is_kept() -> None:
    """A second gate prints the same, apart from times."""
    made()
    first, again = gate(), gate()

    assert first.exit_code == 0
    assert "all is as good as in b.json (1 check)" in first.stderr
    told = [{**document(result), "times": 0} for result in (first, again)]
    assert told[0] == told[1]


@pytest.mark.usefixtures("project")
def test_another_update_writes_the_same_bytes() -> None:
    """So that a diff shows what has changed."""
    made()
    before = Path("b.json").read_bytes()
    made()

    assert Path("b.json").read_bytes() == before
    assert {path.name for path in Path().iterdir()} == {"b.json", "my_rnn.py", "pyproject.toml"}


def test_a_wrong_gradient_is_a_regression(project: Path) -> None:
    """The report tells what is wrong, as ever."""
    made()
    edit(project, WRONG)
    result = gate()

    assert result.exit_code == 1
    assert kinds(result) == ["verdict"]
    assert "dWhh" in result.stderr
    assert "WORSE  my_rnn.py:gradients char_rnn float64: clip none: wrong" in result.stderr


def test_an_invalid_candidate_is_told_apart_from_a_regression(project: Path) -> None:
    """Exit code 2; and no baseline is made of it."""
    edit(project, "\ndef gradients(case):\n    raise ValueError('not today')\n")

    assert gate("--update").exit_code == 2
    assert not Path("b.json").exists()


def test_errors_that_grow_are_a_regression(project: Path) -> None:
    """Tenfold, though they are all within tolerance, be it that of four samples or of all."""
    off = """
from rnnverify.builtin import SYSTEMS
from rnnverify.evaluation import evaluate

def gradients(case):
    raw = evaluate(SYSTEMS["char_rnn"], case).raw
    return {name: raw[name].want + BY * raw[name].tolerance for name in model(case)}
"""
    edit(project, f"BY = 0.02\n{off}")
    made()
    edit(project, f"BY = 0.2\n{off}")
    assert kinds(gate()) == []
    edit(project, f"BY = 0.9\n{off}")
    found = gate()

    assert "accuracy" in kinds(found)
    assert document(found)["reports"][0]["verdict"] == "match"


def test_digits_that_are_lost_are_a_regression(project: Path) -> None:
    """Where few are enough to match, what was better before must stay so."""
    held_to(project, "digits = 5\n")
    made()
    edit(project, COARSE)
    found = gate()

    assert "digits" in kinds(found)
    assert document(found)["reports"][0]["verdict"] == "match"


@pytest.mark.usefixtures("project")
def test_a_check_that_tells_less_is_a_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer cases are conclusive."""
    made()
    monkeypatch.setattr(comparing, "CHAOS", 1e-14)

    assert kinds(gate())[0] in ("conclusive", "inconclusive")


@pytest.mark.usefixtures("project")
def test_a_regime_that_no_longer_occurs_is_a_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""
    made()
    drawn = strategies._names
    monkeypatch.setattr(strategies, "_names", lambda t: ["ones"] if t == "loss" else drawn(t))
    found = gate()

    assert "regime" in kinds(found)
    assert "no longer covered: loss: last step" in found.stderr


def test_a_clip_that_is_idle_is_a_regression(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was active before."""
    held_to(project, 'clip = ["value"]\n')
    made()
    monkeypatch.setattr("rnnverify.questions.resolve", _idle)

    assert "clip" in kinds(gate())


def _idle(clip: Any, _case: Case, _raw: Any, *, adjustable: bool) -> tuple[Any, float]:
    """Return a clip that cuts nothing."""
    assert adjustable
    return clip.replace(threshold=1e300), 1.0


def test_a_clip_that_is_no_longer_asked_for_is_a_regression(project: Path) -> None:
    """The check itself is weaker."""
    held_to(project, 'clip = ["none", "value:5"]\n')
    made()
    held_to(project, 'clip = ["none"]\n')

    assert kinds(gate()) == ["clip"]


def test_fewer_cases_are_a_regression(project: Path) -> None:
    """A gate that does less is told."""
    made()
    (project / "pyproject.toml").write_text(CHECK.replace("12", "11"))

    assert "cases" in kinds(gate())


def test_fewer_kills_in_ones_own_code_are_a_regression(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found before must be found."""
    held_to(project, "mutants = true\n")
    edit(project, WITH_TERMS)
    made()
    (kills,) = json.loads(Path("b.json").read_text())["mutants"].values()
    assert kills["killed"] > 0
    monkeypatch.setattr("rnnverify.surveys.is_killed", lambda _run: False)

    assert kinds(gate()) == ["mutants"]


@pytest.mark.usefixtures("project")
def test_fewer_kills_of_the_catalogue_are_a_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the built-in models are counted, unless one says otherwise."""
    few = ("gate", "--system", "werbos", "--dtype", "float64", "--clip", "none", "--cases", "6")
    words = (*few, "--baseline", "b.json", "--json", "-")
    kept: dict[str, tuple[Mutant, ...]] = {"werbos": mutants.CATALOGUE["werbos"][:2]}
    monkeypatch.setattr("rnnverify.surveys.CATALOGUE", kept)
    assert run(*words, "--update").exit_code == 0
    assert json.loads(Path("b.json").read_text())["mutants"]["werbos"]["killed"] == 2
    monkeypatch.setattr("rnnverify.surveys.is_killed", lambda _run: False)

    assert kinds(run(*words)) == ["mutants"]
    assert kinds(run(*words, "--no-mutants")) == []


def test_a_candidate_that_slows_down_is_a_regression_if_asked_for(project: Path) -> None:
    """Its time is measured against the reference's, in the same run."""
    made("--slowdown", "3")
    assert kinds(gate("--slowdown", "30")) == []
    edit(project, SLOW)

    assert kinds(gate("--slowdown", "3")) == ["speed"]
    assert kinds(gate()) == []


@pytest.mark.usefixtures("project")
def test_a_baseline_without_times_is_told_before_anything_is_run() -> None:
    """And how to measure them; an update without them keeps those that there are."""
    made()
    refused = gate("--slowdown", "2")
    made("--slowdown", "2")
    before = json.loads(Path("b.json").read_text())
    made()
    after = json.loads(Path("b.json").read_text())

    assert refused.exit_code == 2
    assert "--update --slowdown" in refused.stderr
    (check,) = before["checks"]
    assert after["checks"][check]["pace"] == before["checks"][check]["pace"] > 0


def test_a_check_that_is_gone_is_a_regression(project: Path) -> None:
    """Unless the command line names what is to be checked."""
    second = CHECK.replace('"char_rnn"', '"char_rnn"\ndtype = "float32"')
    (project / "pyproject.toml").write_text(CHECK + second)
    made()
    (project / "pyproject.toml").write_text(CHECK)
    named = gate("my_rnn.py:gradients", "--system", "char_rnn")

    assert kinds(gate()) == ["missing"]
    assert kinds(named) == []
    assert "1 check of the baseline not among those that were named" in named.stderr


def test_an_update_of_what_is_named_keeps_the_rest(project: Path) -> None:
    """One of the whole drops what is gone."""
    second = CHECK.replace('"char_rnn"', '"char_rnn"\ndtype = "float32"')
    (project / "pyproject.toml").write_text(CHECK + second)
    made()
    made("my_rnn.py:gradients", "--system", "char_rnn")
    kept = len(json.loads(Path("b.json").read_text())["checks"])
    (project / "pyproject.toml").write_text(CHECK)
    made()

    assert kept == 2
    assert len(json.loads(Path("b.json").read_text())["checks"]) == 1


def test_a_kept_case_is_replayed_first(project: Path) -> None:
    """A bug that the generated cases do not show is found in the case that once did."""
    made()
    save_case(project / "corpus" / "old.npz", char_rnn_case(T=3, V=7, H=2))
    assert kinds(gate("--corpus", "corpus")) == []
    edit(project, RARELY_WRONG)
    found = gate("--corpus", "corpus")

    assert kinds(gate()) == []
    assert found.exit_code == 1
    assert kinds(found) == ["corpus"]
    assert document(found)["corpus"][0]["file"] == "old.npz"


def test_what_fails_is_kept(project: Path) -> None:
    """Once, and replayed from then on."""
    made()
    edit(project, WRONG)
    gate("--corpus", "corpus")
    (kept,) = Path("corpus").iterdir()
    again = gate("--corpus", "corpus")

    assert list(Path("corpus").iterdir()) == [kept]
    assert kinds(again) == ["corpus", "verdict"]


def test_a_hostile_corpus_is_refused_before_anything_is_run(project: Path) -> None:
    """The file is named."""
    made()
    (project / "corpus").mkdir()
    (project / "corpus" / "evil.npz").write_bytes(b"nothing")
    result = gate("--corpus", "corpus")

    assert result.exit_code == 2
    assert "evil.npz" in result.stderr


@pytest.mark.usefixtures("project")
def test_another_seed_alone_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks worse in other cases is asked again of the baseline's own."""
    made("--seed", "1")
    text = Path("b.json").read_text()
    rare = text.replace('"sizes": [', '"sizes": ["unheard of", ')
    for seed in ("2", "3", "4", "5"):
        assert kinds(gate("--seed", seed)) == []
    with monkeypatch.context() as patched:
        patched.setattr("rnnverify.gating.doubts.BY_CHANCE", frozenset())
        found = [kinds(gate("--seed", seed)) for seed in ("2", "3", "4", "5")]
    Path("b.json").write_text(rare)

    assert any(found), "nothing looked worse, so that nothing was asked again"
    assert kinds(gate("--seed", "2")) == ["regime"]
    assert document(gate())["reports"][0]["seed"] == 1


@pytest.mark.parametrize("system", ["char_rnn", "gru"])
@pytest.mark.usefixtures("project")
def test_another_machine_alone_is_no_regression(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """Right code that rounds in another way, in other loops, is kept; versions are notes."""
    words = ("gate", "--system", system, "--baseline", "b.json", "--no-mutants", "--cases", "25")
    assert run(*words, "--update").exit_code == 0
    text = Path("b.json").read_text()
    Path("b.json").write_text(text.replace('"numpy": "', '"numpy": "0.'))
    own = rnnverify.builtin.SYSTEMS[system].gradients
    loops = LOOPS[system]
    monkeypatch.setattr("rnnverify.cli.requests._model", lambda *_: renamed(loops, own))
    result = run(*words)

    assert result.exit_code == 0, result.stderr
    assert "the baseline was made with 0." in result.output


def renamed(loops: Candidate, own: Any) -> Candidate:
    """Return the loops under the model's name."""

    def gradients(case: Case) -> Mapping[str, Any]:
        return loops(case)

    gradients.__module__, gradients.__name__ = own.__module__, own.__name__
    return gradients


@pytest.mark.usefixtures("project")
def test_exploring_needs_no_baseline() -> None:
    """It looks at fresh seeds for a time, and says from which."""
    first, other = (run("gate", "--explore", "1s", "--json", "-") for _ in range(2))

    assert first.exit_code == 0
    assert document(first)["explored"]["my_rnn.py:gradients char_rnn float64"] > 1
    assert document(first)["seed"] != document(other)["seed"]
    assert "no failure in" in first.stderr


def test_exploring_finds_and_keeps_what_fails(project: Path) -> None:
    """One failure a check; the case is kept, and the command shows it again."""
    edit(project, WRONG)
    result = run("gate", "--explore", "0.5", "--seed", "7", "--corpus", "corpus", "--json", "-")
    (report,) = document(result)["reports"]

    assert result.exit_code == 1
    assert report["verdict"] == "wrong"
    assert "--seed 7 --case" in report["failure"]["replay"]
    assert len(list(Path("corpus").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "rnnverify gate --baseline gradients.json --update"),
        (("--baseline", "none.json"), "there is no file none.json"),
        (("--baseline", "pyproject.toml"), "no JSON"),
        (("--baseline", "no/b.json", "--update"), "cannot write"),
        (("--explore", "1s", "--update"), "--update: not with --explore"),
        (("--explore", "soon"), "'soon' is no time; write 90s, 10m or 2h"),
        (("--baseline", "b.json", "--update", "my_rnn.py:none"), "my_rnn.py has no 'none'"),
        (
            ("--baseline", "b.json", "--update", "my_rnn.py:gradients"),
            "--system: a candidate needs",
        ),
        (("--baseline", "b.json", "--update", "no.py:x", "--system", "lstm"), "there is no file"),
        (("--baseline", "b.json", "--update", "--json", "-", "--junit", "-"), "only one can go to"),
    ],
)
@pytest.mark.usefixtures("project")
def test_bad_usage_says_what_would_be_right(words: tuple[str, ...], said: str) -> None:
    """With exit code 2, and nothing written."""
    result = run("gate", *words)

    assert result.exit_code == 2
    assert said in result.stderr
    assert not Path("b.json").exists()


@pytest.mark.usefixtures("project")
def test_a_test_can_be_gated() -> None:
    """What it is held to, it says itself."""
    Path("test_mine.py").write_text(
        "import rnnverify\nfrom my_rnn import gradients\n\n"
        '@rnnverify.gradient_test("char_rnn", clip="value:5")\n'
        "def test_it(case):\n    return gradients(case)\n"
    )
    made("test_mine.py:test_it", "--cases", "5")

    (check,) = json.loads(Path("b.json").read_text())["checks"].items()
    assert check[0] == "test_mine.py:test_it char_rnn float64"
    assert list(check[1]["clips"]) == ["value:5"]
    assert kinds(gate("test_mine.py:test_it")) == []


def test_a_system_of_ones_own_is_gated(project: Path) -> None:
    """It is named as on the command line; its kept cases are found by its name."""
    (project / "cell.py").write_text(CANDIDATES)
    table = (
        '[[tool.rnnverify.check]]\ncandidate = "cell.py:{}"\nsystem = "cell.py:CELL"\ncases = 5\n'
    )
    (project / "pyproject.toml").write_text(table.format("cell"))
    made()
    text = Path("b.json").read_text()
    Path("b.json").write_text(text.replace("cell.py:cell", "cell.py:bad_cell"))
    (project / "pyproject.toml").write_text(table.format("bad_cell"))
    first, again = (gate("--corpus", "corpus") for _ in range(2))

    assert kinds(first) == ["verdict"]
    assert kinds(again) == ["corpus", "verdict"]
    assert document(again)["corpus"][0]["file"].startswith("my_cell-")
