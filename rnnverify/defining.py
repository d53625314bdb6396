"""Where a candidate is defined: its file and line."""

import inspect
from functools import partial
from pathlib import Path
from types import CodeType

from rnnverify import adapters
from rnnverify.records import Candidate
from rnnverify.results import Place

ADAPTERS = Path(adapters.__file__).parent


def place_of(candidate: Candidate) -> Place | None:
    """Return where a candidate's source is, or None where it has none in Python.

    Of a loss in torch or JAX that an adapter made a candidate of, it is the loss' source.
    """
    code = _code_of(candidate)
    if code is None:
        return None
    return Place(file=shown(code.co_filename), line=code.co_firstlineno)


def _code_of(candidate: object) -> CodeType | None:
    found = candidate
    while isinstance(found, partial):
        found = found.func
    found = inspect.unwrap(found) if callable(found) else found
    found = getattr(found, "__func__", found)
    if not hasattr(found, "__code__"):
        found = inspect.unwrap(type(found).__call__)
    code = getattr(found, "__code__", None)
    if not isinstance(code, CodeType) or not Path(code.co_filename).is_relative_to(ADAPTERS):
        return code
    inside = (cell.cell_contents for cell in getattr(found, "__closure__", None) or ())
    return next((c for c in map(_code_of, filter(callable, inside)) if c is not None), None)


def shown(file: str) -> str:
    """Return a file as people name it: from the current directory on, if it is in there."""
    path = Path(file)
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except (OSError, ValueError):
        return str(path)
