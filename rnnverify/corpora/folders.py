"""Corpora: folders of failing cases that people found, kept to be asked again.

A corpus lies in a repository, where anybody may have put anything: it is read as if strangers had
sent it. Of a folder, only plain files ``*.npz`` in it itself count; hidden ones, such as temporary
files of a process that was killed, do not.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rnnverify.archives import one_line
from rnnverify.builtin import system_of
from rnnverify.errors import UsageError
from rnnverify.records import Case
from rnnverify.storage import SUFFIX, Stored, load_stored, save_case, system_named_in
from rnnverify.systems import System

LARGEST = 2**26
"""Bytes that a file of a corpus may have, and may unpack to: 64 MiB; most have a few KiB."""
MOST_FILES = 1000
"""Files that a corpus may have."""
MOST_ENTRIES = 100_000
"""Files of any kind that its folder may have; no more are looked at."""
MOST_TOGETHER = 2**29
"""Bytes that the arrays of a corpus may come to: 512 MiB."""
LONGEST_NAME = 60
"""Characters of a system's name that a file's name shows."""
NO_SYSTEMS: Mapping[str, System] = {}


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A case that is kept in a corpus.

    Attributes:
        file: Where.
        stored: The case, and what was found out about it.
    """

    file: Path
    stored: Stored

    @property
    def case(self) -> Case:
        """The case."""
        return self.stored.case


def files(folder: Path) -> list[Path]:
    """Return the files of a corpus, by name.

    Raises:
        UsageError: if there is no such folder, or it holds too many files.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_ENTRIES + 1)]
    except OSError as error:
        message = (
            f"corpus: cannot read {one_line(str(folder))}: {error.strerror}; make one with "
            "rnnverify corpus add FILE --corpus DIR"
        )
        raise UsageError(message) from None
    found = sorted(name for name in names if name.endswith(SUFFIX) and not name.startswith("."))
    if len(found) > MOST_FILES or len(names) > MOST_ENTRIES:
        message = (
            f"corpus: {one_line(str(folder))} holds more than {MOST_FILES} cases; "
            "leave out those that tell nothing new"
        )
        raise UsageError(message)
    return [folder / name for name in found]


def load(file: Path, systems: Mapping[str, System] = NO_SYSTEMS) -> Kept:
    """Return what one file of a corpus holds.

    Args:
        file: The file.
        systems: Systems of somebody's own, by name; built-in ones are found by themselves.

    Raises:
        UsageError: naming the file, if it is no plain file, too large, damaged or hostile, or holds
            a case that could not be asked.
    """
    _refuse_links(file)
    name = system_named_in(file, most=LARGEST)
    kept = Kept(file=file, stored=load_stored(file, systems.get(name), most=LARGEST))
    problem = _problem(kept.case)
    if problem:
        message = f"corpus: {one_line(str(file))} holds no case that can be asked: {problem}"
        raise UsageError(message)
    return kept


def read(
    folder: Path, systems: Mapping[str, System] = NO_SYSTEMS, *, only: Iterable[str] | None = None
) -> list[Kept]:
    """Return the cases of a corpus, by the names of their files.

    Args:
        folder: The corpus.
        systems: Systems of somebody's own, by name; built-in ones are found by themselves.
        only: The names of the systems whose cases are wanted; all if None. Of other cases, no more
            than the name is read, so that a system that is not at hand does not matter.

    Raises:
        UsageError: if there is no such folder, or a file is not what it should be.
    """
    wanted = None if only is None else set(only)
    found: list[Kept] = []
    together = 0
    for file in files(folder):
        _refuse_links(file)
        if wanted is not None and system_named_in(file, most=LARGEST) not in wanted:
            continue
        found.append(load(file, systems))
        together += _size(found[-1].case)
        if together > MOST_TOGETHER:
            message = (
                f"corpus: the arrays of all files up to {one_line(str(file))} come to more than "
                f"{MOST_TOGETHER} bytes, which is too much to replay"
            )
            raise UsageError(message)
    return found


def _refuse_links(file: Path) -> None:
    if file.is_symlink():
        message = f"corpus: {one_line(str(file))} is a link; a corpus holds plain files only"
        raise UsageError(message)


def _problem(case: Case) -> str:
    """Say why a case that was read could not be asked of anybody; "" if it could."""
    if case.truncation is None:
        return ""
    if "lengths" in case:
        return "it has lengths, and is to be truncated, which do not go together"
    if system_of(case).step is None:
        return f"it is to be truncated, but {case.system} has no step to cut between"
    return ""


def _size(case: Case) -> int:
    return sum(array.nbytes for array in case.values())


def add(folder: Path, stored: Stored) -> Path:
    """Keep a case in a corpus, whole or not at all; one that is there already changes nothing.

    Args:
        folder: The corpus; it is made, if there is none.
        stored: The case, what it was found in, what was wrong, and the terms.

    Returns:
        The file: called after the system, and after a digest of what it holds.

    Raises:
        UsageError: if it cannot be written, or the case or the corpus is too large.
    """
    file = folder / name_of(stored)
    _refuse_links(file)
    if holds(folder, stored):
        return file
    if _size(stored.case) > LARGEST // 2:
        message = f"corpus: a case of {_size(stored.case)} bytes is too large for a corpus"
        raise UsageError(message)
    if folder.is_dir() and not file.exists() and len(files(folder)) >= MOST_FILES:
        message = (
            f"corpus: {one_line(str(folder))} is full, with {MOST_FILES} cases; "
            "leave out those that tell nothing new: rnnverify corpus minimize"
        )
        raise UsageError(message)
    return save_case(
        file,
        stored.case,
        candidate=stored.candidate,
        message=stored.message,
        terms=stored.terms,
    )


def holds(folder: Path, stored: Stored) -> bool:
    """Whether a case is in a corpus, in a file that can be read."""
    file = folder / name_of(stored)
    if not file.exists():
        return False
    try:
        there = load(file, {stored.case.system: system_of(stored.case)})
    except UsageError:
        return False
    return name_of(there.stored) == file.name


def name_of(stored: Stored) -> str:
    """Return what a case's file in a corpus is called: the same for the same content.

    The message does not count, and neither does how the case was drawn.
    """
    case = stored.case
    about = {
        "clip": [case.clip.kind, case.clip.threshold, case.clip.over],
        "truncation": str(case.truncation),
        "beyond": case.beyond,
        "fixed": sorted(case.fixed),
        "candidate": one_line(stored.candidate),
        "terms": dict(stored.terms),
        "dtype": str(case.dtype),
        "arrays": {name: [str(array.dtype), array.shape] for name, array in case.items()},
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name in sorted(case):
        digest.update(case[name].tobytes())
    system = re.sub(r"[^A-Za-z0-9_]+", "_", case.system).strip("_")[:LONGEST_NAME]
    return f"{system or 'case'}-{digest.hexdigest()[:12]}{SUFFIX}"
