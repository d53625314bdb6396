"""The user's files: what is defined in them, and in which of them something is defined.

A definition is a function or a class at the top level of a file.
"""

import ast
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef

LIBRARIES = frozenset(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")
)
CACHED = type(cache(len))
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class File:
    """A file of the user's, as it was loaded."""

    module: ModuleType

    @cached_property
    def lines(self) -> list[str]:
        """The source.

        Raises:
            OSError: if there is none.
            TypeError: if there can be none, the module being built into Python.
        """
        return inspect.getsource(self.module).splitlines()

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The functions and classes that are defined at the top level, by name."""
        found = _top_level(self._tree.body)
        return {node.name: node for node in found if node.name in vars(self.module)}

    @cached_property
    def futures(self) -> list[ast.stmt]:
        """What the file imports from Python's future, without which annotations are evaluated."""
        body = self._tree.body
        return [n for n in body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines))


class Project:
    """The user's file, and those that it imports from beside it or from the current directory."""

    def __init__(self, module: ModuleType) -> None:
        root = File(module)
        path = getattr(module, "__file__", None)
        self._roots = [Path.cwd(), *([Path(path).resolve().parent] if path else [])]
        self._files = {module.__name__: root}

    def file(self, module: ModuleType | None) -> File | None:
        """Return a module's file, or None if it is not the user's."""
        if module is None or not (module.__name__ in self._files or self._is_own(module)):
            return None
        return self._files.setdefault(module.__name__, File(module))

    def find(self, file: File, name: str) -> tuple[File, str] | None:
        """Return where what a file calls by a name is defined, or None if not by the user."""
        value = vars(file.module)[name]
        defined = inspect.isfunction(value) or inspect.isclass(value)
        return (file, name) if defined and name in file.definitions else self.home(value)

    def home(self, value: object) -> tuple[File, str] | None:
        """Return where a function or a class, or an object's class, is defined, or None."""
        value = getattr(value, "__func__", value)
        value = value.__wrapped__ if isinstance(value, CACHED) else value
        made = value if inspect.isfunction(value) or inspect.isclass(value) else type(value)
        known = self._files.get(made.__module__)
        file = self.file(known.module if known else sys.modules.get(made.__module__))
        name = "" if "<locals>" in made.__qualname__ else made.__qualname__.partition(".")[0]
        return (file, name) if file is not None and name in file.definitions else None

    def _is_own(self, module: ModuleType) -> bool:
        path = Path(getattr(module, "__file__", None) or "").resolve()
        lib = any(path.is_relative_to(folder) for folder in {*LIBRARIES, PACKAGE})
        mine = any(path.is_relative_to(folder) for folder in self._roots)
        return path.suffix == ".py" and mine and not lib


def _top_level(body: Iterable[ast.AST]) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _top_level(ast.iter_child_nodes(node))
