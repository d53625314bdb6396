"""A hostile corpus is refused, by the file's name, without harm to memory, disk or terminal."""

import io
import json
import os
import socket
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnverify import storage
from rnnverify.archives import MEMBERS, one_line
from rnnverify.builtin import ELMAN
from rnnverify.corpora import folders
from rnnverify.corpora.folders import LARGEST, add, files, load, name_of, read
from rnnverify.errors import UsageError
from rnnverify.records import Truncation
from rnnverify.storage import Stored, save_case
from rnnverify.systems import System
from tests.files import OWN, change, entries, own_case
from tests.support import char_rnn_case

SMALL = char_rnn_case(T=2, V=3, H=2)
ALLOWED = 20 * 2**20
"""Bytes of memory that refusing a file may take."""
ESCAPES = "\x1b[2J\x1b]0;owned\x07"
"""What clears a terminal, and renames it."""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Return a file of a corpus, which a test is to spoil; beside it stands one that is right."""
    save_case(tmp_path / "corpus" / "a.npz", SMALL)
    return save_case(tmp_path / "corpus" / "b.npz", SMALL)


def refused(bad: Path) -> str:
    """Return why a corpus is refused; the message must name the file, in one printable line."""
    with pytest.raises(UsageError) as raised:
        read(bad.parent)
    said = str(raised.value)
    assert one_line(str(bad)) in said
    assert said.isprintable()
    return said


def member(path: Path, name: str, content: bytes, kind: int = zipfile.ZIP_STORED) -> None:
    """Add a member to a file, under whatever name."""
    with zipfile.ZipFile(path, "a", compression=kind) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, compress_type=kind)


def header(shape: Any, descr: str = "<f8", version: tuple[int, int] = (1, 0)) -> bytes:
    """Return what an array begins with."""
    made = io.BytesIO()
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    write: Any = {1: np.lib.format.write_array_header_1_0, 2: np.lib.format.write_array_header_2_0}
    write[version[0]](made, about)
    return made.getvalue()


def test_what_is_right_is_not_refused(bad: Path) -> None:
    """Everything below is refused for what it is, and not because nothing is read."""
    assert len(read(bad.parent)) == 2


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04}\x94.", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(content: bytes, bad: Path) -> None:
    """Nothing at all, text, a pickle, an archive of nothing."""
    bad.write_bytes(content)

    assert "is no saved case, or is damaged" in refused(bad)


def test_a_truncated_file_is_refused(bad: Path) -> None:
    """Wherever it was cut off."""
    content = bad.read_bytes()
    for n in range(0, len(content), 97):
        bad.write_bytes(content[:n])
        assert "is damaged" in refused(bad)


def test_another_format_is_refused(bad: Path) -> None:
    """The number is said, unless it is a long one."""
    assert "has format 2; this version reads 1" in refused(change(bad, format=2))
    assert len(refused(change(bad, format="9" * 10_000))) < 500


@pytest.mark.parametrize("name", ["array/bh", "about", "array/more"])
def test_pickled_objects_are_refused(name: str, bad: Path) -> None:
    """Wherever they are; unpickling them would run what they say."""
    spoilt: dict[str, Any] = {**entries(bad), name: np.array([Bomb()], dtype=object)}
    np.savez(bad, **spoilt)

    assert "Object arrays cannot be loaded" in refused(bad)


class Bomb:
    """Makes itself known when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return pytest.fail, ("unpickled",)


def costs(look: Callable[[], object]) -> int:
    """Return how many bytes of memory something takes at most."""
    tracemalloc.start()
    try:
        look()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_huge_file_is_not_read(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a terabyte, of which the disk holds nothing, costs next to nothing."""
    monkeypatch.setattr(folders, "LARGEST", 2**20)
    os.truncate(bad, 2**40)
    assert costs(lambda: refused(bad)) < ALLOWED

    assert f"has {2**40} bytes" in refused(bad)


def test_a_zip_bomb_is_not_unpacked(bad: Path) -> None:
    """What claims to unpack to more than a case may is not unpacked at all."""
    packed = header((2**24,)) + bytes(LARGEST // 8)
    for i in range(9):
        member(bad, f"array/{i}.npy", packed, zipfile.ZIP_DEFLATED)
    assert bad.stat().st_size < 2**20

    assert costs(lambda: refused(bad)) < ALLOWED
    assert "bytes, which no case does" in refused(bad)


def test_a_zip_bomb_that_lies_is_not_unpacked(bad: Path) -> None:
    """What claims little, and unpacks to much, is unpacked no further than it claims."""
    member(bad, "array/more.npy", header((2**23,)) + bytes(2**26), zipfile.ZIP_DEFLATED)
    content = bytearray(bad.read_bytes())
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.rindex(signature) + place
        content[start : start + 4] = (200).to_bytes(4, "little")
    bad.write_bytes(content)

    assert costs(lambda: refused(bad)) < ALLOWED


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_kinds_of_packing_are_refused(kind: int, bad: Path) -> None:
    """Their readers unpack a whole block at once, however much that comes to."""
    member(bad, "array/more.npy", header((2,)) + bytes(16), kind)

    assert "packed in a way that NumPy does not use" in refused(bad)


def test_too_many_members_are_refused(bad: Path) -> None:
    """They are counted before any is looked at."""
    with zipfile.ZipFile(bad, "w") as archive:
        for i in range(MEMBERS + 1):
            archive.writestr(f"array/{i}.npy", b"")

    assert f"has {MEMBERS + 1} members" in refused(bad)


@pytest.mark.parametrize(
    "begins",
    [
        header((2**50,)),
        header((2**31, 2**31, 2**31)),
        header((0, 2**62)),
        header((2**40,), "|V0"),
        header((2**32,), "|S1"),
        header((-1,)),
        header((-2, -1)),
        header((3,)),
        header((1,)),
        header((2,), version=(2, 0)).replace(b"NUMPY\x02", b"NUMPY\x03"),
        b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 0xFFFF,
        b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{",
    ],
)
def test_a_header_that_lies_is_refused(begins: bytes, bad: Path) -> None:
    """Shapes of terabytes, of nothing, below zero, or of what is not there, cost nothing."""
    member(bad, "array/more.npy", begins + bytes(16))

    assert costs(lambda: refused(bad)) < ALLOWED


def test_an_array_of_nothing_is_refused(bad: Path) -> None:
    """As many entries as there may be, of no bytes each, fit into a file of none."""
    member(bad, "array/more.npy", header((2**40,), "|V0"))

    assert "of 0 bytes an entry" in refused(bad)


@pytest.mark.parametrize(
    "name",
    [
        "../../x.npy",
        "/etc/cron.d/x.npy",
        "array/../../x.npy",
        "array//x.npy",
        "array/x",
        "array/\x1b[2J",
    ],
)
def test_members_with_odd_names_are_refused(name: str, bad: Path) -> None:
    """None is ever unpacked to the disk, and none is read."""
    before = sorted(bad.parents[1].rglob("*"))
    member(bad, name, header((2,)) + bytes(16))

    assert "is no array" in refused(bad)
    assert sorted(bad.parents[1].rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(bad: Path) -> None:
    """Different readers would see different cases."""
    member(bad, "array/h0.npy", header((2,)) + bytes(16))

    assert "'array/h0.npy' is there 2 times" in refused(bad)


def test_links_are_refused(bad: Path, tmp_path: Path) -> None:
    """They may lead anywhere: out of the folder, to a device, in a circle, to nothing."""
    save_case(tmp_path / "outside.npz", SMALL)
    for target in (tmp_path / "outside.npz", Path("/dev/zero"), bad, bad.with_name("none")):
        bad.unlink()
        bad.symlink_to(target)
        assert "is a link; a corpus holds plain files only" in refused(bad)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A link with the name that a case will have leads nobody to overwrite its target."""
    victim, corpus = tmp_path / "victim", tmp_path / "corpus"
    victim.write_text("precious")
    corpus.mkdir()
    (corpus / name_of(Stored(case=SMALL))).symlink_to(victim)
    with pytest.raises(UsageError, match="is a link"):
        add(corpus, Stored(case=SMALL))

    assert victim.read_text() == "precious"


def test_a_pipe_is_not_waited_for(bad: Path) -> None:
    """Opening one would wait for somebody to write, for ever."""
    bad.unlink()
    os.mkfifo(bad)

    assert "is no plain file" in refused(bad)


def test_a_folder_and_a_socket_are_no_files(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they are called."""
    bad.unlink()
    bad.mkdir()
    assert "Is a directory" in refused(bad)
    bad.rmdir()
    monkeypatch.chdir(bad.parent)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(bad.name)
        assert "is no plain file" in refused(bad)


def test_a_device_is_no_file() -> None:
    """One that never ends is not read."""
    with pytest.raises(UsageError, match="is no plain file"):
        load(Path("/dev/zero"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "", "/", "a/b\x1b[2J", "x" * 300])
def test_a_systems_name_leads_nowhere(name: str, tmp_path: Path) -> None:
    """A file's name holds letters and digits of it, and lies in the folder."""
    system = System(name=name, weights=OWN.weights, inputs=OWN.inputs, loss=OWN.loss)
    path = add(tmp_path / "corpus", Stored(case=system.case(dict(own_case()))))

    assert path.parent == tmp_path / "corpus"
    assert path.name.replace("-", "_").removesuffix(".npz").isidentifier()
    assert [path] == [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.mark.parametrize("name", ["../../etc/passwd", ESCAPES, "a\n::error::b", "x" * 100_000])
def test_a_systems_name_in_a_file_is_shown_as_text(name: str, bad: Path) -> None:
    """It is unknown, and its escapes do not reach the terminal."""
    assert "unknown" in refused(change(bad, system=name))


def test_a_files_name_is_shown_as_text(bad: Path) -> None:
    """Line breaks, escapes, and bytes that are no text at all become escapes."""
    for name in (b"\x1b[2J.npz", b"a\n::error::b.npz", b"\xff\xfe.npz"):
        spoilt = bad.with_name(os.fsdecode(name))
        spoilt.write_bytes(b"nothing")
        refused(spoilt)
        spoilt.unlink()


def test_what_was_found_out_is_shown_as_text(bad: Path) -> None:
    """The candidate, the message and the regimes come without escapes, and on one line."""
    said = f"{ESCAPES}\n::error::pwned"
    change(bad, candidate=said, message=said, regimes=[said])
    found = load(bad).stored

    for text in (found.candidate, found.message, *found.case.regimes):
        assert text == r"\x1b[2J\x1b]0;owned\x07\n::error::pwned"


BIG = "1" + "0" * 400
TERMS: list[dict[str, Any]] = [
    {"digits": int(BIG)},
    {"scale": BIG},
    {"scale": "-" * 100_000 + "1"},
    {"scale": "(" * 5_000 + "1" + ")" * 5_000},
    {"scale": "1/(T-T)"},
    {"scale": "1/(V-3)"},
    {"gradients": [ESCAPES]},
]
ABOUT: list[dict[str, Any]] = [
    {"clip": {"kind": "value", "threshold": int(BIG), "over": None}},
    {"clip": {"kind": "value", "threshold": 1.0, "over": []}},
    {"clip": {"kind": "value", "threshold": 1.0, "over": {}}},
    {"clip": {"kind": "value", "threshold": 1.0, "over": [["Whh"]]}},
    {"clip": {"kind": [], "threshold": None, "over": None}},
    {"truncation": BIG},
    {"truncation": "9" * 5_000},
    {"truncation": {}},
    {"beyond": int(BIG)},
    {"fixed": [["h0"]]},
    {"regimes": [1]},
    {"dims": [ESCAPES]},
    *({"terms": terms} for terms in TERMS),
]


@pytest.mark.parametrize("about", ABOUT, ids=lambda about: str(about)[:40])
def test_what_a_file_says_is_checked(about: dict[str, Any], bad: Path) -> None:
    """Numbers of any size, formulas of any depth, and lists for texts are refused, and told."""
    assert len(refused(change(bad, **about))) < 3_000


def test_what_cannot_be_asked_is_refused(bad: Path) -> None:
    """Lengths and truncation do not go together; what has no steps cannot be truncated."""
    dims = {"T": 3, "B": 2, "D": 1, "H": 2}
    ones = {name: np.ones(axes.shape(dims)) for name, axes in ELMAN.arrays.items()}
    case = ELMAN.case({**ones, "lengths": np.array([1, 3])})
    save_case(bad, case.replace(truncation=Truncation(2)))
    assert "do not go together" in refused(bad)

    save_case(bad, own_case().replace(truncation=Truncation(2)))
    with pytest.raises(UsageError, match="no step to cut between"):
        read(bad.parent, {OWN.name: OWN})


def test_too_many_files_are_refused(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any is read; of those of other kinds, only so many are looked at."""
    monkeypatch.setattr(folders, "MOST_FILES", 1)
    with pytest.raises(UsageError, match="holds more than 1 cases"):
        files(bad.parent)
    monkeypatch.setattr(folders, "MOST_FILES", 2)
    assert len(files(bad.parent)) == 2
    monkeypatch.setattr(folders, "MOST_ENTRIES", 1)
    with pytest.raises(UsageError, match="holds more"):
        files(bad.parent)


def test_too_much_together_is_refused(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many files, each of which is small enough, could fill the memory."""
    size = sum(array.nbytes for array in SMALL.values())
    monkeypatch.setattr(folders, "MOST_TOGETHER", 2 * size)
    assert len(read(bad.parent)) == 2
    monkeypatch.setattr(folders, "MOST_TOGETHER", 2 * size - 1)

    assert "too much to replay" in refused(bad)


def test_a_text_nested_too_deep_is_refused(bad: Path) -> None:
    """JSON of any depth is damaged, and no crash."""
    for text in ("[" * 100_000, '{"a":' * 100_000, json.dumps("a"), "1" * 5_000):
        spoilt: dict[str, Any] = {**entries(bad), "about": np.array(text)}
        np.savez(bad, **spoilt)
        refused(bad)


def plain_reader(path: Path, _most: int) -> dict[str, Any]:
    """Return what a file holds as NumPy reads it: what the tests above would not let pass."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_the_checks_above_are_needed(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's own reader follows a header that claims a gigabyte, and reads what is there twice."""
    monkeypatch.setattr(storage, "unpack", plain_reader)
    member(bad, "array/more.npy", header((2**27,)) + bytes(16))

    assert costs(lambda: refused(bad)) > 2**30
