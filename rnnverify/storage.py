"""Storage: a case as a file, to be shown again elsewhere.

The file is a NumPy archive (``.npz``) without pickled objects: one array for each of the case's,
and a text with everything else. Whatever is read is checked as if a stranger had sent it: the
arrays against the system's axes and values, the rest against what it may be. No code is loaded
because a file names it; how the bytes are read is in ``archives``.
"""

import io
import json
import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnverify.archives import one_line, unpack
from rnnverify.builtin import find_system
from rnnverify.errors import UsageError
from rnnverify.files import write_whole
from rnnverify.records import Array, Case, Clip, Truncation
from rnnverify.systems import System
from rnnverify.terms import make_terms

FORMAT = 1
ABOUT = "about"
"""The entry that holds everything but arrays, as JSON."""
PREFIX = "array/"
LARGEST = 2**30
"""Bytes that a file may come to when it is unpacked."""
MOST_STEPS = 2**31 - 1
"""What a truncation may say: a number of steps that JAX can count to."""
MOST_SHOWN = 80
"""Characters of a value that a message shows."""
LONGEST = 1000
"""Characters of what is wrong that a message shows."""
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


def load_stored(
    path: str | os.PathLike[str], system: System | None = None, *, most: int | None = None
) -> Stored:
    """Load a case, and what was found out about it; see ``load_case``.

    Its texts come on one line each, with escapes for what a terminal would take for a command.

    Args:
        path: The file.
        system: Whose case it is.
        most: How many bytes the file may have, and may unpack to; ``LARGEST`` if not given.

    Raises:
        UsageError: as ``load_case``.
    """
    about, arrays = _read(Path(path), LARGEST if most is None else most)
    shown = one_line(str(path))
    try:
        return _stored(about, arrays, system)
    except UsageError as error:
        message = f"load: {shown} holds no case: {_cut(one_line(str(error)), LONGEST)}"
        raise UsageError(message) from None
    except Exception as error:  # noqa: BLE001 - what a stranger wrote can make anything be raised
        message = f"load: {shown} is damaged: {_told(error)}"
        raise UsageError(message) from None


def system_named_in(path: str | os.PathLike[str], *, most: int | None = None) -> str:
    """Return the name of the system whose case a file says that it holds.

    Raises:
        UsageError: if the file cannot be read, or names none.
    """
    about, _ = _read(Path(path), LARGEST if most is None else most)
    return str(about.get("system"))


def _told(error: Exception) -> str:
    return _cut(one_line(f"{type(error).__name__}: {error}"), LONGEST)


def _read(path: Path, most: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the JSON and the arrays of a file, of bounded size and without pickled objects."""
    shown = one_line(str(path))
    try:
        entries = unpack(path, most)
        about = json.loads(str(entries.pop(ABOUT)[()]))
    except UsageError:
        raise
    except OSError as error:
        message = f"load: cannot read {shown}: {error.strerror or error}"
        raise UsageError(message) from None
    except Exception as error:  # noqa: BLE001 - a hostile file can make a reader raise anything
        message = f"load: {shown} is no saved case, or is damaged: {_told(error)}"
        raise UsageError(message) from None
    found = about.get("format") if isinstance(about, dict) else about
    if not isinstance(about, dict) or found != FORMAT:
        message = f"load: {shown} has format {_short(found)}; this version reads {FORMAT}"
        raise UsageError(message)
    return about, {name.removeprefix(PREFIX): array for name, array in entries.items()}


def _short(value: Any) -> str:
    return _cut(repr(value), MOST_SHOWN)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _stored(about: dict[str, Any], arrays: dict[str, Array], system: System | None) -> Stored:
    if system is None:
        system = find_system(str(about["system"]))
    elif system.name != about["system"]:
        message = f"system: the case is one of {about['system']!r}, not of {system.name!r}"
        raise UsageError(message)
    case = system.case(arrays, dtype=str(about["dtype"]), clip=_clip(about["clip"], system))
    if dict(case.dims) != about["dims"]:
        message = f"dims: {about['dims']} are not those of the arrays, {dict(case.dims)}"
        raise UsageError(message)
    case = case.replace(
        truncation=_truncation(about["truncation"]),
        beyond=_share(about["beyond"]),
        regimes=tuple(one_line(each) for each in _texts("regimes", about["regimes"])),
        fixed=frozenset(_texts("fixed", about["fixed"], case)),
    )
    return Stored(
        case=case,
        candidate=one_line(str(about["candidate"])),
        message=one_line(str(about["message"])),
        terms=_terms(about["terms"], case, system),
    )


def _clip(given: dict[str, Any], system: System) -> Clip:
    over = given["over"]
    if over is not None and not _texts("clip", over, system.leaves):
        message = "clip: it is over no array at all"
        raise UsageError(message)
    return Clip(given["kind"], given["threshold"], over and tuple(over))


def _truncation(given: str | None) -> Truncation | None:
    made = Truncation.parse(given)
    if made is not None and made.steps > MOST_STEPS:
        message = f"truncate: no sequence has {_short(made.steps)} steps"
        raise UsageError(message)
    return made


def _share(value: Any) -> float:
    if not 0 <= value <= 1:
        message = f"beyond: {_short(value)} is no share"
        raise UsageError(message)
    return float(value)


def _texts(what: str, given: Any, known: Container[str] | None = None) -> list[str]:
    """Return a list of texts, if that is what it is, of known ones where these are given."""
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        message = f"{what}: {_short(given)} is no list of texts"
        raise UsageError(message)
    unknown = [each for each in given if known is not None and each not in known]
    if unknown:
        message = f"{what}: {_short(', '.join(unknown))} is no array of the case"
        raise UsageError(message)
    return given


def _terms(given: dict[str, Any], case: Case, system: System) -> dict[str, Any]:
    """Return those arguments of ``check`` that a file may hold, if they are what they may be."""
    known: dict[str, Any] = {
        name: given[name] for name in ("gradients", "scale", "digits") if name in given
    }
    terms = make_terms(**known).for_system(system.leaves, list(system.dims))
    terms.scale.of(case.dims)
    return known
