"""What a convention is: somebody's code, an adapter, and a bug that can be put into the code."""

import ctypes
import inspect
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from rnnverify.records import Candidate, Case

Adapter = Callable[[Any, Case], dict[str, Any]]
Edit = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Somebody's code as a candidate, right and wrong.

    Attributes:
        system: What it is an implementation of.
        code: Its module, or its source file in C.
        adapter: What makes it a candidate.
        bug: What to replace in its source, and by what, for a realistic bug.
        touched: The gradients that the bug makes wrong; the others that are returned stay right.
        terms: What it is held to: arguments of ``verify``.
    """

    system: str
    code: ModuleType | Path
    adapter: Adapter
    bug: Edit
    touched: str
    terms: Mapping[str, Any] = field(default_factory=dict)

    def candidate(self, *edits: Edit) -> Candidate:
        """Return the code as a candidate, with changes in its source."""
        code = (
            compiled(self.code, edits) if isinstance(self.code, Path) else edited(self.code, edits)
        )
        return partial(self.adapter, code)


def changed(source: str, edits: tuple[Edit, ...]) -> str:
    """Return source code in which some passages are replaced; each must occur just once."""
    for before, after in edits:
        assert source.count(before) == 1, f"{before!r} occurs {source.count(before)} times"
        source = source.replace(before, after)
    return source


def edited(module: ModuleType, edits: tuple[Edit, ...]) -> ModuleType:
    """Return a module like another, with changes in its source."""
    made = ModuleType(module.__name__)
    source = changed(inspect.getsource(module), edits)
    exec(compile(source, f"{module.__name__}, edited", "exec"), vars(made))  # noqa: S102 - our own
    return made


@cache
def compiled(path: Path, edits: tuple[Edit, ...]) -> ctypes.CDLL:
    """Return a file in C as a library, with changes in its source."""
    with TemporaryDirectory() as folder:
        source, library = Path(folder, path.name), Path(folder, f"{path.stem}.so")
        source.write_text(changed(path.read_text(), edits))
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
        subprocess.run(command, check=True)  # noqa: S603 - our own
        loaded = ctypes.CDLL(str(library))
    loaded.elman_backward.argtypes = [*3 * [ctypes.c_int64], *9 * [ctypes.POINTER(ctypes.c_double)]]
    loaded.elman_backward.restype = None
    return loaded
