"""Corpora: what is kept is found again, once, and asked as it was."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify.builtin import CHAR_RNN, ELMAN
from rnnverify.checker import check
from rnnverify.corpora import folders
from rnnverify.corpora.folders import Kept, add, files, holds, name_of, read
from rnnverify.corpora.replaying import applies, clips_for, replay
from rnnverify.errors import UsageError
from rnnverify.records import Case, Clip, Truncation
from rnnverify.runs import Run, make_run
from rnnverify.storage import Stored, load_case, save_case
from tests.files import OWN, own_case
from tests.support import char_rnn_case, mended

SMALL = char_rnn_case(T=2, V=3, H=2)
WRONG = mended(CHAR_RNN.gradients, "Whh", lambda d: -d)


def stored(case: Case = SMALL, **others: Any) -> Stored:
    """Return a case as it is kept."""
    return Stored(**{"case": case, "candidate": "a.py:f", "message": "dWhh is off", **others})


def kept(case: Case = SMALL) -> Kept:
    """Return a case as if it had been read."""
    return Kept(file=Path("case.npz"), stored=stored(case))


def run_of(clips: tuple[str, ...] = ("none",), **options: Any) -> Run:
    """Return a run of a wrong candidate."""
    given = {"name": "f", "dtype": "float64", "cases": 1, "seed": 0, **options}
    return make_run(WRONG, "char_rnn", clips=clips, **given)


def test_what_is_added_is_read(tmp_path: Path) -> None:
    """The folder is made, the file is called after the system, and everything comes back."""
    path = add(tmp_path / "new" / "corpus", stored(terms={"digits": 5}))
    (found,) = read(path.parent)

    assert path.name.startswith("char_rnn-")
    assert len(path.name) == len("char_rnn-3f9a2c1b7e5d.npz")
    assert found.file == path
    assert (found.stored.candidate, found.stored.message) == ("a.py:f", "dWhh is off")
    assert found.stored.terms == {"digits": 5}
    assert found.case["Whh"].tobytes() == SMALL["Whh"].tobytes()


def test_the_same_case_is_added_once(tmp_path: Path) -> None:
    """Added again, read again, or with other words for what is wrong, it is the same file."""
    path = add(tmp_path, stored())
    before = path.stat().st_mtime_ns
    assert add(tmp_path, stored(message="something else")) == path
    assert add(tmp_path, read(tmp_path)[0].stored) == path

    assert path.stat().st_mtime_ns == before
    assert files(tmp_path) == [path]


@pytest.mark.parametrize(
    "other",
    [
        stored(char_rnn_case(T=2, V=3, H=2, seed=1)),
        stored(char_rnn_case(T=2, V=3, H=2, dtype="float32")),
        stored(SMALL.replace(clip=Clip("value", 5.0))),
        stored(SMALL.replace(truncation=Truncation(1))),
        stored(SMALL.replace(fixed=frozenset({"h0"}))),
        stored(candidate="b.py:g"),
        stored(terms={"digits": 5}),
    ],
)
def test_what_differs_has_a_file_of_its_own(other: Stored) -> None:
    """Arrays, dtype, clip, truncation, what is held, candidate and terms tell cases apart."""
    assert name_of(other) != name_of(stored())


def test_a_name_that_is_known_is_known_for_ever() -> None:
    """A corpus of today is one without duplicates tomorrow, too."""
    ones = CHAR_RNN.case(
        {name: np.ones_like(array) for name, array in SMALL.items()}, clip="value:0.5"
    )

    assert name_of(stored(ones)) == "char_rnn-a2a33f891928.npz"


def test_a_damaged_file_of_the_same_name_is_written_again(tmp_path: Path) -> None:
    """That a file has the right name does not mean that the case is there."""
    path = add(tmp_path, stored())
    other = save_case(tmp_path / "other", char_rnn_case(T=1)).read_bytes()
    for content in (path.read_bytes()[:100], other):
        path.write_bytes(content)
        assert not holds(tmp_path, stored())

        assert add(tmp_path, stored()) == path
        assert load_case(path).dims == SMALL.dims


def test_only_its_own_files_count(tmp_path: Path) -> None:
    """Neither hidden files, nor other kinds of files, nor those in folders below are its own."""
    path = add(tmp_path, stored())
    (tmp_path / "README.md").write_text("what this is")
    (tmp_path / ".left.npz").write_bytes(b"half")
    (tmp_path / f".{path.name}.1234").write_bytes(b"half")
    (tmp_path / "more").mkdir()
    shutil.copy(path, tmp_path / "more" / "b.npz")
    shutil.copy(path, tmp_path / "a.npz")

    assert [each.file.name for each in read(tmp_path)] == ["a.npz", path.name]


def test_own_systems_are_given_by_name(tmp_path: Path) -> None:
    """A case of somebody's own system is read with it, and may be left out without it."""
    add(tmp_path, stored(own_case()))
    add(tmp_path, stored())

    assert [each.case.origin for each in read(tmp_path, {OWN.name: OWN})] == [CHAR_RNN, OWN]
    assert [each.case.system for each in read(tmp_path, only=["char_rnn"])] == ["char_rnn"]
    with pytest.raises(UsageError, match="unknown 'own_cell'"):
        read(tmp_path)


def test_cases_with_lengths_are_kept_once(tmp_path: Path) -> None:
    """The system with lengths is not one of another name."""
    case = elman_case(lengths=np.array([1, 3]))

    assert add(tmp_path, stored(case)) == add(tmp_path, stored(case))
    assert holds(tmp_path, stored(case))
    assert read(tmp_path)[0].case["lengths"].tolist() == [1, 3]


def elman_case(**more: Any) -> Case:
    """Return a case of a system with batches."""
    dims = {"T": 3, "B": 2, "D": 1, "H": 2}
    arrays = {name: np.ones(axes.shape(dims)) for name, axes in ELMAN.arrays.items()}
    return ELMAN.case(arrays | more)


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """The message says how to make one."""
    with pytest.raises(UsageError, match=r"cannot read .*none.*rnnverify corpus add FILE"):
        files(tmp_path / "none")


def test_a_full_corpus_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added could never be read again; what is there may be added again."""
    monkeypatch.setattr(folders, "MOST_FILES", 1)
    add(tmp_path, stored())
    add(tmp_path, stored())
    with pytest.raises(UsageError, match=r"is full, with 1 cases.*minimize"):
        add(tmp_path, stored(candidate="b.py:g"))


def test_a_case_that_could_not_be_read_is_not_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on files that are read holds for those that are written."""
    monkeypatch.setattr(folders, "LARGEST", 100)
    with pytest.raises(UsageError, match="too large for a corpus"):
        add(tmp_path, stored())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, True),
        ({"dims": {"T": (1, 2), "H": 2}}, True),
        ({"dims": {"H": 3}}, False),
        ({"dtype": "float32"}, False),
        ({"truncate": 1}, False),
        ({"fixed": {"loss_weights": 1}}, True),
        ({"fixed": {"h0": 0}}, False),
        ({"clips": ("value:5",)}, True),
        ({"fixed": {"h0": [0, 0, 0]}, "dims": {"H": 3}}, False),
    ],
)
def test_only_cases_that_a_run_could_have_apply(options: dict[str, Any], said: bool) -> None:  # noqa: FBT001
    """Sizes, dtype, truncation and what is held at a value must be the run's own."""
    assert applies(kept(), run_of(**options)) == said


def test_only_cases_of_the_same_system_apply() -> None:
    """Neither another system's, nor those with lengths where the run has none, and so on."""
    plain, batch = kept(elman_case()), kept(elman_case(lengths=np.array([1, 3])))
    run = replace(run_of(), system=ELMAN)

    assert not applies(kept(), run)
    assert (applies(plain, run), applies(batch, run)) == (True, False)
    run = replace(run, lengths=True)
    assert (applies(plain, run), applies(batch, run)) == (False, True)


@pytest.mark.parametrize(
    ("own", "asked", "under"),
    [
        ("none", ("none", "value"), ("none",)),
        ("value:5", ("none", "value"), ("value:5",)),
        ("value:5", ("none", "value:5"), ("value:5",)),
        ("value:5", ("value:1", "norm:5"), ("value:1", "norm:5")),
        ("value:5", ("none",), ("none",)),
        ("none", ("value", "norm:1"), ("value", "norm:1")),
    ],
)
def test_a_case_is_asked_under_its_own_clip(
    own: str, asked: tuple[str, ...], under: tuple[str, ...]
) -> None:
    """If that is one of the run's, and else under those that are."""
    case = SMALL.replace(clip=Clip.parse(own))

    assert tuple(map(str, clips_for(kept(case), run_of(asked)))) == under


def test_a_clip_over_other_arrays_is_another_clip() -> None:
    """What is clipped is part of the question."""
    case = SMALL.replace(clip=Clip("value", 5.0, ("Whh",)))

    assert clips_for(kept(case), run_of(("value",))) == (Clip("value"),)
    own = run_of(("value",), clip_over=["Whh"])
    assert clips_for(kept(case), own) == (case.clip,)


def test_a_failing_case_fails_again() -> None:
    """The verdict is that of the run's candidate, on the run's terms."""
    run = run_of()

    assert replay(kept(), run).kind == "wrong"
    assert replay(kept(), replace(run, candidate=CHAR_RNN.gradients)).ok
    assert replay(kept(), run_of(gradients=["Wxh"])).ok


def test_the_worst_of_several_verdicts_is_told() -> None:
    """Where a case is asked under each of a run's clips, one that fails is enough."""
    case = SMALL.replace(clip=Clip("value", 5.0))

    def only_clipped(case: Case) -> Any:
        return (WRONG if case.clip.kind == "norm" else CHAR_RNN.gradients)(case)

    run = replace(run_of(("none", "norm:1e-3")), candidate=only_clipped)
    assert replay(kept(case), run).failed


def test_what_adds_up_is_found_again() -> None:
    """A candidate that is right at first, and keeps state, fails as it did when it was found."""
    calls: list[Any] = []

    def adds_up(case: Case) -> Any:
        calls.append(CHAR_RNN.gradients(case))
        return {name: sum(call[name] for call in calls) for name in calls[0]}

    assert replay(kept(), replace(run_of(), candidate=adds_up)).kind == "nondeterministic"


def test_arrays_are_asked_as_they_were_saved() -> None:
    """Loss weights that were multiplied to pass a clip are not multiplied once more."""
    drawn = SMALL.replace(clip=Clip("value", 1e3), beyond=1.0)
    found = check(drawn, CHAR_RNN.gradients).case
    seen = replay(kept(found), run_of(("value:1000",))).case

    assert found["loss_weights"].tolist() != drawn["loss_weights"].tolist()
    assert seen["loss_weights"].tolist() == found["loss_weights"].tolist()


def test_a_clip_that_is_drawn_anew_is_not_idle() -> None:
    """Where a kept case has another clip, half of its gradients are to pass the run's."""
    found = check(SMALL, CHAR_RNN.gradients).case

    assert replay(kept(found), run_of(("value",))).clip_active


def test_a_file_that_somebody_named_is_read(tmp_path: Path) -> None:
    """Files need not be called what they would be called here."""
    save_case(tmp_path / "our favourite", SMALL)

    assert [each.file.name for each in read(tmp_path)] == ["our favourite.npz"]
