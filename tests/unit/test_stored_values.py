"""Stored values: what a file says is checked as if a stranger had sent it."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.builtin import CHAR_RNN, ELMAN
from rnnverify.errors import UsageError
from rnnverify.storage import LARGEST, load_case, load_stored, save_case
from tests.files import OWN, change, entries, own_case
from tests.support import char_rnn_case

NAMESAKE = rnnverify.System(name=OWN.name, weights={"U": "H H"}, inputs=OWN.inputs, loss=OWN.loss)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return the file of a small case of char_rnn."""
    return save_case(tmp_path / "case.npz", char_rnn_case(T=2, V=3, H=2))


def refused(path: Path, *, system: Any = None) -> str:
    """Return why a file is refused; the message must name it."""
    with pytest.raises(UsageError) as raised:
        load_case(path, system)
    assert str(raised.value).startswith(f"load: {path} ")
    return str(raised.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """The error is a UsageError, in the operating system's words."""
    with pytest.raises(UsageError) as raised:
        load_case(tmp_path / "none.npz")

    expected = f"load: cannot read {tmp_path / 'none.npz'}: No such file or directory"
    assert str(raised.value) == expected


def test_a_folder_is_no_case(tmp_path: Path) -> None:
    """A folder is refused like a file that cannot be read."""
    with pytest.raises(UsageError, match=r"load: cannot read .*: Is a directory"):
        load_case(tmp_path)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("inputs", [0, 3], "must hold token ids, integers from 0 to 2"),
        ("inputs", [-1, 0], "must hold token ids, integers from 0 to 2"),
        ("inputs", [0.0, 1.0], "must hold token ids, integers from 0 to 2"),
        ("bh", [0.0, np.nan], "bh must hold finite real numbers"),
        ("bh", [np.inf, 0.0], "bh must hold finite real numbers"),
        ("bh", [1j, 0j], "bh must hold finite real numbers"),
        ("bh", ["a", "b"], "bh must hold finite real numbers"),
        ("bh", np.zeros(2, dtype="M8[s]"), "bh must hold finite real numbers"),
        ("bh", np.zeros(2, dtype=[("a", "f8")]), "bh must hold finite real numbers"),
        ("bh", np.zeros(0), "bh has the shape (0,)"),
        ("bh", 0.0, "bh has the shape ()"),
        ("Whh", np.zeros((2, 3)), "Whh has the shape (2, 3)"),
        ("loss_weights", np.zeros(3), "loss_weights has the shape (3,)"),
        ("more", np.zeros(2), "unknown: more"),
    ],
)
def test_arrays_are_checked(name: str, array: Any, said: str, saved: Path) -> None:
    """Dtypes, shapes and values are those that the system has, or the array is named."""
    assert said in refused(change(saved, {name: array}))


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"system": "lstn"}, "did you mean 'lstm'"),
        ({"system": "os:system"}, "unknown 'os:system'"),
        ({"system": "elman"}, "elman has Wx, Wh, b, h0, x"),
        ({"system": None}, "unknown 'None'"),
        ({"dims": {"T": 2, "V": 3, "H": 3}}, "are not those of the arrays"),
        ({"dims": {}}, "are not those of the arrays"),
        ({"dtype": "float16"}, "known are float64, float32"),
        ({"clip": {"kind": "clamp", "threshold": 1.0, "over": None}}, "unknown kind 'clamp'"),
        ({"clip": {"kind": "value", "threshold": -1.0, "over": None}}, "must be positive"),
        ({"clip": {"kind": "value", "threshold": float("nan"), "over": None}}, "must be positive"),
        ({"clip": {"kind": "value", "threshold": "one", "over": None}}, "is damaged"),
        ({"clip": {"kind": "value", "over": None}}, "is damaged: KeyError: 'threshold'"),
        ({"clip": None}, "is damaged"),
        ({"truncation": "chunks:0"}, "at least 1"),
        ({"truncation": "far"}, "neither a number of steps"),
        ({"beyond": "half"}, "is damaged: TypeError"),
        ({"regimes": None}, "regimes: None is no list of texts"),
        ({"fixed": 3}, "fixed: 3 is no list of texts"),
        ({"terms": {"digits": -1}}, "digits: -1 makes no sense"),
        ({"terms": {"digits": "5"}}, "is damaged: TypeError"),
        ({"terms": {"scale": "__import__('os')"}}, "neither a number nor a formula"),
        ({"terms": {"scale": [1]}}, "neither a number nor a formula"),
        ({"terms": {"gradients": []}}, "gradients: none is named"),
        ({"terms": ["scale"]}, "is damaged: TypeError"),
    ],
)
def test_all_else_is_checked(about: dict[str, Any], said: str, saved: Path) -> None:
    """What stands beside the arrays is what it may be, or the message says what is not."""
    assert said in refused(change(saved, **about))


@pytest.mark.parametrize(
    "about",
    [
        {"clip": {"kind": "value", "threshold": 1.0, "over": ["nothing"]}},
        {"clip": {"kind": "value", "threshold": 1.0, "over": "Wxh"}},
        {"terms": {"gradients": ["nothing"]}},
        {"terms": {"scale": "1/Q"}},
        {"fixed": ["nothing"]},
        {"regimes": "abc"},
        {"beyond": float("nan")},
    ],
)
def test_names_are_checked(about: dict[str, Any], saved: Path) -> None:
    """Arrays and axes that a file names are those of the system, and numbers are numbers."""
    refused(change(saved, **about))


def test_a_number_too_large_for_its_dtype_is_refused(saved: Path) -> None:
    """What becomes infinite in float32 is no real number there."""
    assert "finite" in refused(change(saved, {"bh": [1e300, 0.0]}, dtype="float32"))


def test_only_terms_are_read(saved: Path) -> None:
    """Of what a file says a candidate is held to, only what may be said is taken over."""
    change(saved, terms={"digits": 5, "timeout": 1e9, "candidate": "os:system"})

    assert load_stored(saved).terms == {"digits": 5}


def test_a_file_that_unpacks_to_too_much_is_refused(saved: Path) -> None:
    """A zip bomb is refused for the size that it claims, before anything is unpacked."""
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("array/more.npy", b"")
        archive.infolist()[-1].file_size = LARGEST

    assert "bytes, which no case does" in refused(saved)


def test_a_case_of_less_than_that_is_not(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on what is unpacked, and is met to the byte."""
    with zipfile.ZipFile(saved) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    monkeypatch.setattr("rnnverify.storage.LARGEST", size)
    load_case(saved)
    monkeypatch.setattr("rnnverify.storage.LARGEST", size - 1)

    assert f"unpacks to {size} bytes" in refused(saved)


def test_a_header_that_claims_too_much_is_refused(saved: Path) -> None:
    """An array that says that it is larger than any memory is damaged, and costs none."""
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("array/more.npy", header.getvalue())

    assert "is damaged" in refused(saved)


def test_an_own_system_must_be_given(tmp_path: Path) -> None:
    """A case of a system that is not built in is loaded with it, and not without."""
    path = save_case(tmp_path / "own", own_case())

    assert load_case(path, OWN)["W"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert rnnverify.load_case(path, system=OWN).origin is OWN
    assert "unknown 'own_cell'" in refused(path)


def test_another_system_is_refused(tmp_path: Path, saved: Path) -> None:
    """A system of another name is refused, and so is one of that name with other arrays."""
    path = save_case(tmp_path / "own", own_case())

    assert "is one of 'own_cell', not of 'char_rnn'" in refused(path, system=CHAR_RNN)
    assert "is one of 'char_rnn', not of 'elman'" in refused(saved, system=ELMAN)
    assert "missing: U; unknown: W" in refused(path, system=NAMESAKE)


def test_an_array_may_be_called_what_a_file_calls_its_text(tmp_path: Path) -> None:
    """Names of arrays are the system's, and do not get in the way of what else is in a file."""
    system = rnnverify.System(
        name="odd", weights={"about": "H H"}, inputs=OWN.inputs, loss=lambda a: a["x"].sum()
    )
    arrays = {name: array for name, array in own_case().items() if name != "W"}
    case = system.case({**arrays, "about": np.eye(2)})
    path = save_case(tmp_path / "odd", case)

    assert load_case(path, system)["about"].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_no_array_is_saved_under_a_bare_name(saved: Path) -> None:
    """All entries but one are arrays of the case, each under its own name."""
    assert set(entries(saved)) == {"about", *(f"array/{name}" for name in char_rnn_case())}


FIVE: Any = np.float32(5)


@pytest.mark.parametrize(
    "thing", [{"terms": {"scale": object()}}, {"clip": rnnverify.Clip("value", FIVE)}]
)
def test_what_cannot_be_saved_is_a_usage_error(thing: dict[str, Any], tmp_path: Path) -> None:
    """NumPy's numbers are numbers, too; what cannot be written down is refused by name."""
    case = char_rnn_case().replace(clip=thing.pop("clip", rnnverify.Clip()))
    try:
        assert load_case(save_case(tmp_path / "case", case, **thing)).clip == case.clip
    except UsageError as error:
        assert str(error).startswith("save: terms hold what")  # noqa: PT017 - either is right
