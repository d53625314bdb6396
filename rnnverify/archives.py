"""Archives: NumPy's ``.npz`` files, read as if a stranger had sent them.

Everything is bounded before it is read: the file's size, the number of its members, what each
claims to unpack to, and the shape that its header claims. Nothing is written anywhere, nothing is
unpickled, and what is no plain file (a folder, a pipe, a device) is never opened for reading.
"""

import errno
import io
import math
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from rnnverify.errors import UsageError
from rnnverify.records import Array

MEMBERS = 256
"""Members that an archive may have; a system with more arrays is none that anybody has."""
MEMBER = ".npy"
_MEMBER_HEADER = b"PK\x01\x02"
"""What begins each member's entry in a zip file's directory."""
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What NumPy writes; other methods unpack without a bound on how much at once."""
_HEADERS: Any = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def one_line(text: str) -> str:
    """Return a text with escapes for line breaks and for whatever else cannot be printed.

    What a file holds, or is called, could otherwise move a terminal's cursor, or begin a line that
    a machine which reads the output takes for a command.
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )


def unpack(path: Path, most: int) -> dict[str, Array]:
    """Return the arrays in a file, by name.

    Args:
        path: The file.
        most: How many bytes it may have, and may unpack to.

    Raises:
        UsageError: if it has, or says that it has, more, or what no saved case has.
        OSError: if it cannot be read.
        ValueError: if it is damaged; a reader may raise anything else, too.
    """
    shown = one_line(str(path))
    content = _content(path, most)
    count = content.count(_MEMBER_HEADER)
    if count > MEMBERS:
        message = f"load: {shown} has {count} members, which no case has"
        raise UsageError(message)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        size = sum(each.file_size for each in members)
        if size > most:
            message = f"load: {shown} unpacks to {size} bytes, which no case does"
            raise UsageError(message)
        _check_members(members)
        return {_name(each): _array(_unpacked(archive, each)) for each in members}


def _content(path: Path, most: int) -> bytes:
    """Return a plain file's bytes, if they are not too many."""
    shown = one_line(str(path))
    _check_plain(path.stat().st_mode, shown)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        found = os.fstat(file.fileno())
        _check_plain(found.st_mode, shown)
        if found.st_size > most:
            message = f"load: {shown} has {found.st_size} bytes, which no case has"
            raise UsageError(message)
        return file.read(found.st_size)


def _check_plain(mode: int, shown: str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        message = f"load: {shown} is no plain file, but a device, a pipe or a socket"
        raise UsageError(message)


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Refuse members that NumPy does not write.

    Raises:
        ValueError: naming the first.
    """
    names = [each.filename for each in members]
    for each in members:
        name = each.filename
        if not name.endswith(MEMBER) or {"..", ""} & {*name.split("/")}:
            message = f"its member {name!r} is no array"
        elif names.count(name) > 1:
            message = f"its member {name!r} is there {names.count(name)} times"
        elif each.compress_type not in _PACKED:
            message = f"its member {name!r} is packed in a way that NumPy does not use"
        else:
            continue
        raise ValueError(message)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return what a member holds; no more is unpacked than it claims, even if more is there."""
    with archive.open(member) as file:
        return file.read(member.file_size)  # ZipFile.read unpacks first, and then cuts


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(MEMBER)


def _array(content: bytes) -> Array:
    """Return an array, if its header claims no more and no less than is there."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        message = f"it holds an array of format {version}"
        raise ValueError(message)
    shape, _, dtype = _HEADERS[version](file)
    there = len(content) - file.tell()
    if dtype.hasobject:
        message = "Object arrays cannot be loaded: unpickling them could run anything"
        raise ValueError(message)
    if dtype.itemsize < 1 or min(shape, default=1) < 0:
        message = f"it holds an array of the shape {shape} and of {dtype.itemsize} bytes an entry"
        raise ValueError(message)
    if math.prod(shape) * dtype.itemsize != there:
        message = f"it holds an array of the shape {shape}, but {there} bytes for it"
        raise ValueError(message)
    file.seek(0)
    array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array
