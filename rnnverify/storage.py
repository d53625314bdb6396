"""Storage: a case as a file, to be shown again elsewhere.

The file is a NumPy archive (``.npz``) without pickled objects: one array for each of the case's,
and a text with everything else. Whatever is read is checked as if a stranger had sent it: the
arrays against the system's axes and values, the rest against what it may be. No code is loaded
because a file names it.
"""

import io
import json
import os
import zipfile
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnverify.builtin import find_system
from rnnverify.errors import UsageError
from rnnverify.files import write_whole
from rnnverify.records import Array, Case, Clip, Truncation
from rnnverify.systems import System
from rnnverify.terms import known_only, make_terms

FORMAT = 1
ABOUT = "about"
"""The entry that holds everything but arrays, as JSON."""
PREFIX = "array/"
LARGEST = 2**30
"""Bytes that a file may come to when it is unpacked."""
SUFFIX = ".npz"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a file holds.

    Attributes:
        case: The case.
        candidate: What was checked on it, as it was named then.
        message: What was wrong with it.
        terms: What it was held to: the arguments of ``check``.
    """

    case: Case
    candidate: str = ""
    message: str = ""
    terms: Mapping[str, Any] = field(default_factory=dict)


def save_case(
    path: str | os.PathLike[str],
    case: Case,
    *,
    candidate: str = "",
    message: str = "",
    terms: Mapping[str, Any] | None = None,
) -> Path:
    """Save a case in a file, whole or not at all.

    Args:
        path: Where to; ``.npz`` is added if it is missing. Folders are made.
        case: The case.
        candidate: What was checked on it.
        message: What was wrong with it.
        terms: What it was held to: the arguments of ``check`` that are not left out.

    Returns:
        The file's path.

    Raises:
        UsageError: if it cannot be written.
    """
    target = Path(path)
    if not target.name:
        message = f"save: {str(path)!r} names no file; name one, such as case.npz"
        raise UsageError(message)
    target = target if target.suffix == SUFFIX else target.with_name(target.name + SUFFIX)
    about = {
        "format": FORMAT,
        "system": case.system,
        "dims": dict(case.dims),
        "dtype": str(case.dtype),
        "clip": {"kind": case.clip.kind, "threshold": case.clip.threshold, "over": case.clip.over},
        "truncation": str(case.truncation) if case.truncation else None,
        "beyond": case.beyond,
        "regimes": case.regimes,
        "fixed": sorted(case.fixed),
        "candidate": candidate,
        "message": message,
        "terms": dict(terms or {}),
    }
    arrays: dict[str, Any] = {f"{PREFIX}{name}": array for name, array in case.items()}
    content = io.BytesIO()
    try:
        arrays[ABOUT] = json.dumps(about)
        np.savez_compressed(content, **arrays)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content.getvalue())
    except OSError as error:
        message = f"save: cannot write {target}: {error.strerror}"
        raise UsageError(message) from None
    except TypeError as error:
        message = f"save: terms hold what no file can hold: {error}"
        raise UsageError(message) from None
    return target


def load_case(path: str | os.PathLike[str], system: System | None = None) -> Case:
    """Load a case that was saved.

    Args:
        path: The file.
        system: Whose case it is; found by its name, if it is one of the built-in ones.

    Raises:
        UsageError: if the file is missing, damaged, or not what a saved case is.
    """
    return load_stored(path, system).case


def load_stored(path: str | os.PathLike[str], system: System | None = None) -> Stored:
    """Load a case, and what was found out about it; see ``load_case``."""
    about, arrays = _read(Path(path))
    try:
        return _stored(about, arrays, system)
    except UsageError as error:
        message = f"load: {path} holds no case: {error}"
        raise UsageError(message) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"load: {path} is damaged: {type(error).__name__}: {error}"
        raise UsageError(message) from None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the JSON and the arrays of a file, of bounded size and without pickled objects."""
    try:
        about, arrays = _unpacked(path)
    except UsageError:
        raise
    except OSError as error:
        message = f"load: cannot read {path}: {error.strerror or error}"
        raise UsageError(message) from None
    except Exception as error:  # noqa: BLE001 - a hostile file can make a reader raise anything
        message = f"load: {path} is no saved case, or is damaged: {type(error).__name__}: {error}"
        raise UsageError(message) from None
    found = about.get("format") if isinstance(about, dict) else about
    if not isinstance(about, dict) or found != FORMAT:
        message = f"load: {path} has format {found!r}; this version reads {FORMAT}"
        raise UsageError(message)
    return about, arrays


def _unpacked(path: Path) -> tuple[Any, dict[str, Array]]:
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST:
        message = f"load: {path} unpacks to {size} bytes, which no case does"
        raise UsageError(message)
    with np.load(path, allow_pickle=False) as archive:
        about = json.loads(str(archive[ABOUT][()]))
        names = [name for name in archive.files if name != ABOUT]
        return about, {name.removeprefix(PREFIX): archive[name] for name in names}


def _stored(about: dict[str, Any], arrays: dict[str, Array], system: System | None) -> Stored:
    if system is None:
        system = find_system(str(about["system"]))
    elif system.name != about["system"]:
        message = f"system: the case is one of {about['system']!r}, not of {system.name!r}"
        raise UsageError(message)
    over = about["clip"]["over"]
    known_only("clip_over", over if over is None else list(over), system.leaves)
    clip = Clip(about["clip"]["kind"], about["clip"]["threshold"], over and tuple(over))
    case = system.case(arrays, dtype=str(about["dtype"]), clip=clip)
    if dict(case.dims) != about["dims"]:
        message = f"dims: {about['dims']} are not those of the arrays, {dict(case.dims)}"
        raise UsageError(message)
    case = case.replace(
        truncation=Truncation.parse(about["truncation"]),
        beyond=_share(about["beyond"]),
        regimes=tuple(_texts("regimes", about["regimes"])),
        fixed=frozenset(_texts("fixed", about["fixed"], case)),
    )
    return Stored(
        case=case,
        candidate=str(about["candidate"]),
        message=str(about["message"]),
        terms=_terms(about["terms"], system),
    )


def _share(value: Any) -> float:
    if not 0 <= value <= 1:
        message = f"beyond: {value!r} is no share"
        raise UsageError(message)
    return float(value)


def _texts(what: str, given: Any, known: Container[str] | None = None) -> list[str]:
    """Return a list of texts, if that is what it is, of known ones where these are given."""
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        message = f"{what}: {given!r} is no list of texts"
        raise UsageError(message)
    unknown = [each for each in given if known is not None and each not in known]
    if unknown:
        message = f"{what}: {', '.join(unknown)} is no array of the case"
        raise UsageError(message)
    return given


def _terms(given: dict[str, Any], system: System) -> dict[str, Any]:
    """Return those arguments of ``check`` that a file may hold, if they are what they may be."""
    known: dict[str, Any] = {
        name: given[name] for name in ("gradients", "scale", "digits") if name in given
    }
    make_terms(**known).for_system(system.leaves, list(system.dims))
    return known
