"""Storage: a case comes back bit for bit, and nothing that a file holds is taken on trust."""

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.builtin import CHAR_RNN, SYSTEMS, system_of
from rnnverify.drawing import explore
from rnnverify.errors import UsageError
from rnnverify.records import Case, Clip, Truncation
from rnnverify.storage import load_case, load_stored, save_case
from rnnverify.strategies import cases
from tests.files import change, entries
from tests.support import char_rnn_case


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the file of a small case of char_rnn."""
    return save_case(tmp_path / "case.npz", char_rnn_case(T=2, V=3, H=2))


def assert_same(first: Case, second: Case) -> None:
    """Assert that two cases agree in everything, and in every bit of their arrays."""
    for field in dataclasses.fields(Case):
        if field.name not in ("arrays", "origin"):
            assert getattr(first, field.name) == getattr(second, field.name), field.name
    assert list(first) == list(second)
    for name in first:
        assert first[name].dtype == second[name].dtype, name
        assert first[name].shape == second[name].shape, name
        assert first[name].tobytes() == second[name].tobytes(), name
    assert system_of(first).arrays == system_of(second).arrays


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_kind_of_case_comes_back(system: str, tmp_path: Path) -> None:
    """Whatever a case has, be it lengths, truncation, float32 or what is fixed, is kept."""
    upstream = SYSTEMS[system].linear[0]
    wanted: list[dict[str, Any]] = [
        {},
        {"dtype": "float32"},
        {"truncate": "chunks:2"},
        {"fixed": {upstream: 0.1}},
        *([{"lengths": True, "dtype": "float32"}] if "B" in SYSTEMS[system].dims else []),
    ]
    for options in wanted:
        drawn: list[Case] = []
        explore(cases(system, **options), drawn.append, seed=1, cases=3)
        for case in drawn:
            assert_same(case, load_case(save_case(tmp_path / "case", case)))


def test_clips_and_what_they_cover_come_back(tmp_path: Path) -> None:
    """A clip keeps its kind, every bit of its threshold, and what it is over."""
    for clip in (
        Clip("value", 0.1 + 0.2, ("Whh", "h0")),
        Clip("norm"),
        Clip("global-norm", 1e-300),
    ):
        case = char_rnn_case().replace(clip=clip, truncation=Truncation(2))
        assert_same(case, load_case(save_case(tmp_path / "case", case)))


def test_signs_of_zeros_and_subnormal_numbers_come_back(tmp_path: Path) -> None:
    """What compares as equal, or nearly vanishes, is kept as it is."""
    odd = np.array([[-0.0, 5e-324], [0.0, -1.7976931348623157e308]])
    case = char_rnn_case(H=2, Whh=odd)

    assert_same(case, load_case(save_case(tmp_path / "case", case)))


def test_what_was_found_out_comes_back(tmp_path: Path) -> None:
    """The candidate, what was wrong, and the terms are kept beside the case."""
    terms = {"gradients": ["Wxh"], "scale": "1/T", "digits": 5.0}
    path = save_case(tmp_path / "a", char_rnn_case(), candidate="a.py:f", message="±", terms=terms)
    stored = load_stored(path)

    assert (stored.candidate, stored.message, dict(stored.terms)) == ("a.py:f", "±", terms)


def test_a_loaded_case_can_be_checked(saved: Path) -> None:
    """The package's own names save and load, and what is loaded tells right from wrong."""
    case = rnnverify.load_case(rnnverify.save_case(saved, char_rnn_case()))
    right = CHAR_RNN.gradients(case)

    assert rnnverify.check(case, lambda _: right).ok
    assert rnnverify.check(case, lambda _: {**right, "Whh": -right["Whh"]}).kind == "wrong"


@pytest.mark.parametrize(
    ("name", "written"),
    [("case", "case.npz"), ("case.npz", "case.npz"), ("v1.2", "v1.2.npz"), ("a/b/c", "a/b/c.npz")],
)
def test_the_suffix_is_added_and_folders_are_made(name: str, written: str, tmp_path: Path) -> None:
    """The path that is returned is that of the file that is there, and of nothing else."""
    path = save_case(str(tmp_path / name), char_rnn_case())

    assert path == tmp_path / written
    assert [path] == [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file(
    error: BaseException, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file is never seen: the old one stays, and no temporary one is left."""

    def half(file: Any, **_: Any) -> None:
        file.write(b"half")
        raise error

    before = saved.read_bytes()
    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises((UsageError, KeyboardInterrupt)) as raised:
        save_case(saved, char_rnn_case(seed=1))

    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    if isinstance(error, OSError):
        assert str(raised.value) == f"save: cannot write {saved}: No space left on device"


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    """Saving where a folder is is refused, and leaves nothing beside it."""
    (tmp_path / "case.npz").mkdir()
    with pytest.raises(UsageError, match=r"save: cannot write .*case\.npz: Is a directory"):
        save_case(tmp_path / "case.npz", char_rnn_case())

    assert [each.name for each in tmp_path.iterdir()] == ["case.npz"]


@pytest.mark.parametrize("name", ["file/case.npz", "n" * 300])
def test_a_place_that_cannot_be_written_to_is_refused(name: str, tmp_path: Path) -> None:
    """A file in a folder's place, or too long a name, is a UsageError that says so."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="save: cannot write"):
        save_case(tmp_path / name, char_rnn_case())


@pytest.mark.parametrize("name", ["", "."])
def test_a_path_without_a_name_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What names no file is a UsageError."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="save:"):
        save_case(name, char_rnn_case())


def test_another_format_is_refused(saved: Path) -> None:
    """A file of a later version is refused, its number and the one that is read being said."""
    with pytest.raises(UsageError) as raised:
        load_case(change(saved, format=2))

    assert str(raised.value) == f"load: {saved} has format 2; this version reads 1"


def test_pickled_objects_are_not_loaded(saved: Path) -> None:
    """Unpickling can run anything; a file with an object in it is refused before that."""
    change(saved, {"bh": np.array([Bomb(), None], dtype=object)})
    with pytest.raises(UsageError, match="Object arrays cannot be loaded") as raised:
        load_case(saved)

    assert str(saved) in str(raised.value)


class Bomb:
    """Makes itself known when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return pytest.fail, ("unpickled",)


def without(name: str) -> Callable[[Path], object]:
    """Return what leaves one entry out of a file."""

    def change(path: Path) -> None:
        kept: dict[str, Any] = {n: array for n, array in entries(path).items() if n != name}
        np.savez(path, **kept)

    return change


def bytes_of(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Return what changes a file's bytes."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def array_as_text(path: Path) -> None:
    """Put an entry that is no array among the others."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("array/more", "text")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": bytes_of(lambda _: b""),
    "cut in the middle": bytes_of(lambda content: content[: len(content) // 2]),
    "without its last byte": bytes_of(lambda content: content[:-1]),
    "random": bytes_of(lambda content: np.random.default_rng(0).bytes(len(content))),
    "text": bytes_of(lambda _: b"to be or not to be\n"),
    "pickle": bytes_of(lambda _: b"\x80\x04}\x94."),
    "a plain array": lambda path: np.save(path.open("wb"), np.zeros(3)),
    "an archive of something else": lambda path: np.savez(path, weights=np.zeros(3)),
    "without its text": without("about"),
    "without an array": without("array/Whh"),
    "with an array that is none": array_as_text,
    "with its text as a number": lambda path: np.savez(path, about=np.array(3)),
    "with its text as a list": lambda path: np.savez(path, about=np.array("[1]")),
    "with its text nested too deep": lambda path: np.savez(path, about=np.array("[" * 100_000)),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_damaged_file_is_refused(damage: str, saved: Path) -> None:
    """Whatever is in a file, the error is a UsageError, and names it."""
    DAMAGES[damage](saved)
    with pytest.raises(UsageError) as raised:
        load_case(saved)

    assert str(raised.value).startswith(f"load: {saved} ")


def test_no_flipped_byte_gets_through(saved: Path) -> None:
    """A byte that is changed anywhere is found, or makes no difference."""
    random, content, case = np.random.default_rng(0), saved.read_bytes(), load_case(saved)
    refused = 0
    for place in random.integers(0, len(content), 100):
        changed = bytearray(content)
        changed[place] ^= int(random.integers(1, 256))
        saved.write_bytes(changed)
        try:
            assert_same(case, load_case(saved))
        except UsageError:
            refused += 1

    assert refused > 50
