"""``rnnverify corpus``: cases are added, listed, and left out where they tell nothing new."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from rnnverify.builtin import CHAR_RNN
from rnnverify.checker import check
from rnnverify.cli.corpus import corpus
from rnnverify.corpora import folders, tidying
from rnnverify.corpora.folders import Kept, add, name_of, read
from rnnverify.corpora.tidying import Fate, Trait, carry_out, kills, shrunk, smallest_cover
from rnnverify.errors import UsageError
from rnnverify.mutants import CATALOGUE
from rnnverify.records import Case, Clip, Truncation
from rnnverify.storage import Stored, save_case
from rnnverify.terms import Terms
from tests.files import CANDIDATES, OWN, change, own_case
from tests.support import char_rnn_case, mended

LARGE = char_rnn_case(T=4, V=3, H=3)
SMALL = char_rnn_case(T=1, V=2, H=2, seed=1)
WRONG = "my_code.py:wrong"
OWN_SYSTEM = "tests.files:OWN"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with candidates in it, as the current one, where a corpus is to be."""
    (tmp_path / "my_code.py").write_text(CANDIDATES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    """Run the command on the folder's corpus."""
    return CliRunner().invoke(corpus, [*words, "--corpus", "corpus"])


def told(case: Case = LARGE, candidate: str = WRONG, **terms: Any) -> Stored:
    """Return a case as it is kept."""
    return Stored(case=case, candidate=candidate, message="dWhh is off", terms=terms)


def there() -> dict[str, bytes]:
    """Return the corpus' files."""
    return {path.name: path.read_bytes() for path in sorted(Path("corpus").iterdir())}


def lines(result: Result) -> dict[str, str]:
    """Return what became of each file."""
    assert result.exit_code == 0, result.output
    rows = [line.split(maxsplit=2) for line in result.stdout.splitlines() if ".npz  " in line]
    return {name: f"{what}: {why.strip()}" for name, what, why in rows}


@pytest.mark.usefixtures("folder")
def test_files_are_added_once() -> None:
    """A second time, it is said that they are there."""
    save_case("a", LARGE, candidate=WRONG)
    save_case("b", SMALL)
    first, second = run("add", "a.npz", "b.npz"), run("add", "a.npz")

    assert (first.exit_code, second.exit_code) == (0, 0)
    name = name_of(told())
    assert f"added: a.npz as corpus/{name}" in first.stdout
    assert f"there already: a.npz as corpus/{name}" in second.stdout
    assert sorted(there()) == sorted([name, name_of(Stored(case=SMALL))])


@pytest.mark.usefixtures("folder")
def test_no_file_is_added_beside_a_bad_one() -> None:
    """Each is checked before any is copied; exit code 2."""
    save_case("a", LARGE)
    Path("b.npz").write_bytes(b"nothing")
    result = run("add", "a.npz", "b.npz")

    assert result.exit_code == 2
    assert "load: b.npz is no saved case" in result.output
    assert not Path("corpus").exists()


@pytest.mark.usefixtures("folder")
def test_cases_of_own_systems_are_added_with_them() -> None:
    """The system is named as everywhere else."""
    save_case("own", own_case())

    assert "unknown 'own_cell'" in run("add", "own.npz").output
    assert run("add", "own.npz", "--system", OWN_SYSTEM).exit_code == 0
    assert "own_cell" in run("list", "--system", OWN_SYSTEM).stdout


@pytest.mark.usefixtures("folder")
def test_what_is_in_a_corpus_is_shown() -> None:
    """Each file's system, sizes, dtype, clip, candidate, and what was wrong."""
    case = LARGE.replace(clip=Clip("value", 0.5), truncation=Truncation(2))
    path = add(Path("corpus"), told(case))
    result = run("list")

    assert result.exit_code == 0
    assert "1 case" in result.stdout
    flat = "".join(result.stdout.split())
    for words in (path.name, "char_rnn", "truncate2", "T=4V=3H=3", "value:0.5", WRONG):
        assert words in flat
    assert "dWhh is off" in result.stdout


@pytest.mark.usefixtures("folder")
def test_a_bad_file_is_shown_as_refused() -> None:
    """With the reason, beside those that are right; exit code 2."""
    add(Path("corpus"), told())
    Path("corpus/bad.npz").write_bytes(b"[red]nothing[/red]")
    result = run("list")

    assert result.exit_code == 2
    assert "bad.npz" in result.stdout
    assert "is no saved case" in " ".join(result.stdout.split())
    assert "1 case, 1 refused" in result.stdout


@pytest.mark.usefixtures("folder")
def test_escapes_do_not_reach_the_terminal() -> None:
    """Nor does markup: a file says nothing but text."""
    said = "\x1b[2J\n::error::[bold]"
    change(add(Path("corpus"), told()), candidate=said, message=said)
    Path("corpus/\x1b[2J\n::error::.npz").write_bytes(b"")
    for words in (["list"], ["list", "--json", "-"], ["minimize"]):
        result = run(*words)
        assert "\x1b" not in result.output
        assert "\n::" not in result.output
    assert "[bold]" in "".join(run("list").stdout.split())


@pytest.mark.usefixtures("folder")
def test_json_holds_all_of_it() -> None:
    """Nothing else stands on standard output."""
    add(Path("corpus"), told(digits=5))
    Path("corpus/bad.npz").write_bytes(b"nothing")
    result = run("list", "--json", "-")
    values = json.loads(result.stdout)

    assert result.exit_code == 2
    (case,), (refused,) = values["cases"], values["refused"]
    assert case["dims"] == {"T": 4, "V": 3, "H": 3}
    assert (case["candidate"], case["was"]) == (WRONG, "dWhh is off")
    assert case["terms"] == {"digits": 5}
    assert refused["file"] == "bad.npz"
    assert "is no saved case" in refused["refused"]


@pytest.mark.parametrize("command", ["list", "minimize"])
@pytest.mark.usefixtures("folder")
def test_a_folder_that_is_missing_is_an_error(command: str) -> None:
    """The message says how to make one."""
    result = run(command)

    assert result.exit_code == 2
    assert "rnnverify corpus add FILE --corpus DIR" in " ".join(result.output.split())


@pytest.mark.parametrize("command", ["add", "list", "minimize"])
def test_help_has_examples_and_exit_codes(command: str) -> None:
    """And the folder must be named."""
    result = CliRunner().invoke(corpus, [command, "--help"])
    assert "Examples:" in result.output
    assert "Exit codes:" in result.output

    bare = CliRunner().invoke(corpus, [command, *(["a.npz"] if command == "add" else [])])
    assert bare.exit_code == 2
    assert "Missing option '--corpus'" in bare.output


@pytest.mark.usefixtures("folder")
def test_an_empty_corpus_is_no_error() -> None:
    """There is nothing to say of it."""
    Path("corpus").mkdir()

    assert run("list").exit_code == run("minimize").exit_code == 0


@pytest.mark.usefixtures("folder")
def test_the_same_case_stays_once() -> None:
    """Under the name that it has here, if one of the files has it, else under the first."""
    path = add(Path("corpus"), told())
    shutil.copy(path, "corpus/a.npz")
    save_case("corpus/c", SMALL)
    save_case("corpus/b", SMALL)
    found = lines(run("minimize", WRONG))

    assert found["a.npz"] == f"removed: holds the same as {path.name}"
    assert found["c.npz"] == "removed: holds the same as b.npz"


@pytest.mark.usefixtures("folder")
def test_a_failing_case_becomes_smaller() -> None:
    """It still fails, in the same way, and is called after what it holds; the old one is gone."""
    path = add(Path("corpus"), told())
    before = lines(run("minimize", WRONG, "--dry-run"))
    assert list(there()) == [path.name]
    after = lines(run("minimize", f"./{WRONG}"))

    assert before == after
    (name,) = there()
    (kept,) = read(Path("corpus"))
    assert name == name_of(kept.stored) != path.name
    assert after[path.name].startswith(f"replaced: by {name}: T=4 V=3 H=3 became T=1 V=2 H=1")
    wrong = mended(CHAR_RNN.gradients, "Whh", lambda d: -d)
    verdict = check(kept.case, wrong)
    assert (verdict.kind, verdict.worst and verdict.worst.gradient) == ("wrong", "Whh")
    assert (kept.stored.candidate, kept.stored.message) == (WRONG, verdict.text)
    assert lines(run("minimize", WRONG))[name] == "kept: nothing smaller fails in the same way"


@pytest.mark.parametrize(
    ("candidate", "found_in", "why"),
    [
        ("my_code.py:right", "my_code.py:right", "no failure now: match"),
        ("my_code.py:wrong", "other.py:f", "was found in other.py:f"),
        ("my_code.py:raises", "", "invalid: the candidate raised ValueError: not today"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_case_that_fails_otherwise_stays(candidate: str, found_in: str, why: str) -> None:
    """One that passes now, is of another candidate, or of another system, is not given up."""
    add(Path("corpus"), told(SMALL, found_in))
    before = there()

    (said,) = lines(run("minimize", candidate)).values()
    assert said.startswith(f"kept: {why}")
    assert there() == before


@pytest.mark.usefixtures("folder")
def test_what_is_wrong_with_the_command_changes_nothing() -> None:
    """A candidate that cannot be loaded, or a bad file, is an error before anything is done."""
    path = add(Path("corpus"), told())
    shutil.copy(path, "corpus/a.npz")
    before = there()
    assert run("minimize", "my_code.py:none").exit_code == 2
    assert there() == before

    Path("corpus/bad.npz").write_bytes(b"nothing")
    before = there()
    assert run("minimize").exit_code == 2
    assert there() == before


@pytest.mark.usefixtures("folder")
def test_what_kills_nothing_new_goes() -> None:
    """What stays kills every mutant that all killed; what goes is said to, and why."""
    larger = char_rnn_case(T=7, V=3, H=3, seed=2)
    cases = [LARGE, SMALL, larger, char_rnn_case(T=1, V=2, H=2, seed=3)]
    for case in cases:
        add(Path("corpus"), told(case))
    found = {name: kills(kept.stored) for name, kept in by_name().items()}
    assert run("minimize", "--dry-run").exit_code == 0
    assert len(there()) == len(cases)
    said, kept = lines(run("minimize")), there()

    assert 1 <= len(kept) < len(cases)
    assert killed(found.values()) == killed(found[name] for name in kept)
    assert {name for name, why in said.items() if why.startswith("kept: alone kills")} == set(kept)
    assert all("removed" in why for name, why in said.items() if name not in kept)
    mutants = {f"{mutant.name} of char_rnn" for mutant in CATALOGUE["char_rnn"]}
    assert killed(found.values()) <= mutants
    assert len(killed(found.values())) > len(mutants) / 2


def by_name() -> dict[str, Kept]:
    """Return the corpus' cases."""
    return {kept.file.name: kept for kept in read(Path("corpus"), {OWN.name: OWN})}


def killed(found: Any) -> set[str]:
    """Return all mutants that some cases kill."""
    return {name for each in found if each is not None for _, name in each}


@pytest.mark.usefixtures("folder")
def test_one_of_each_kind_stays() -> None:
    """Of each candidate, dtype, kind of clip and terms, though what they kill is killed."""
    single = char_rnn_case(T=1, V=1, H=1, dtype="float32")
    for stored in (
        told(SMALL),
        told(char_rnn_case(T=1, V=2, H=2, seed=3)),
        told(SMALL, "other.py:f"),
        told(SMALL, gradients=["Wxh"]),
        told(single),
    ):
        add(Path("corpus"), stored)
    said = lines(run("minimize"))

    assert sum(why.startswith("removed") for why in said.values()) == 1
    assert sum("the only one of its candidate and kind" in why for why in said.values()) >= 2


@pytest.mark.usefixtures("folder")
def test_what_the_catalogue_says_nothing_of_stays() -> None:
    """Own systems, and another scale, where every mutant would seem to be killed."""
    for seed in (0, 1):
        case = char_rnn_case(T=3, V=2, H=2, seed=seed)
        add(Path("corpus"), told(case, scale="2"))
        own = own_case().with_arrays({"W": np.eye(2) + seed})
        add(Path("corpus"), told(own))
    said = lines(run("minimize", "--system", OWN_SYSTEM))

    assert len(there()) == 4
    assert set(said.values()) == {"kept: no catalogue of bugs says anything of such a case"}


def sets(*texts: str) -> list[tuple[frozenset[Trait], int]]:
    """Return a set of letters for each text, the cost of which is its digit."""
    return [(frozenset(("kills", letter) for letter in text[1:]), int(text[0])) for text in texts]


@pytest.mark.parametrize(
    ("texts", "fewest"),
    [
        ([], set()),
        (["1ab", "1b", "1c"], {0, 2}),
        (["1abcd", "1abe", "1cdf"], {1, 2}),
        (["5ab", "3ab", "4ab"], {1}),
        (["9abc", "1a", "1b", "1c"], {0}),
    ],
)
def test_the_smallest_set_is_found(texts: list[str], fewest: set[int]) -> None:
    """Where taking the largest first would take three, two are found; of as many, the cheapest."""
    assert smallest_cover(sets(*texts)) == fewest


@pytest.mark.usefixtures("folder")
def test_no_case_is_lost_when_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a file's place is there before the file goes."""
    path = add(Path("corpus"), told())
    fate = Fate(file=path, what="replaced", why="", smaller=told(SMALL))

    def killed_here(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    unlink = Path.unlink

    def killed_before(file: Path, **more: bool) -> None:
        if file.name == path.name:
            raise KeyboardInterrupt
        unlink(file, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed_before)
        with pytest.raises(KeyboardInterrupt):
            carry_out(fate)
    assert {each.case.dims["T"] for each in read(Path("corpus"))} == {4, 1}
    with monkeypatch.context() as patched:
        patched.setattr(folders, "save_case", killed_here)
        with pytest.raises(KeyboardInterrupt):
            carry_out(Fate(file=path, what="replaced", why="", smaller=told(SMALL, "new.py:f")))
    assert path in [each.file for each in read(Path("corpus"))]


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_removed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the operating system's words."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UsageError, match=r"cannot remove corpus/a\.npz: Permission denied"):
        carry_out(Fate(file=Path("corpus/a.npz"), what="removed", why=""))


def test_a_candidate_that_hangs_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a call that took too long there are no further ones."""
    monkeypatch.setattr(tidying, "make_terms", lambda **_: Terms(timeout=0.05))
    kept = Kept(file=Path("a.npz"), stored=told(SMALL))
    with pytest.raises(UsageError, match="its case was left as it is"):
        shrunk(kept, hang, WRONG)


def hang(_case: Case) -> Any:
    """Return late."""
    time.sleep(0.5)
    return {}
