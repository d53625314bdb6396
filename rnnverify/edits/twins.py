"""Twins: modules like the user's, in which one definition is changed, without loading them again.

What a file does when it is loaded, such as training, is not done once more: a twin has a copy of
the namespace, in which only the functions and classes that are reached are defined anew. Those of
one twin see each other; the user's own see nothing of it.
"""

import ast
import copy
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

from rnnverify.edits.files import File
from rnnverify.edits.operators import changed
from rnnverify.edits.reaching import Place


class Twins:
    """The twins of all files that are reached."""

    def __init__(self, places: Sequence[Place], other: tuple[Place, ast.AST], title: str) -> None:
        """Define what is reached, mentioned ones first; ``other`` is one definition, changed."""
        self._made: dict[int, Any] = {}
        files = list(dict.fromkeys(file for file, _ in reversed(places)))
        for file in files:
            self._made[id(file.module)] = _copied(file.module)
        for file in files:
            names = [name for home, name in places if home == file]
            self._link(file)
            self._define(file, names, other, title)
        for file in files:
            self._link(file)

    def module(self, file: File) -> ModuleType:
        """Return the twin of a file's module."""
        twin: ModuleType = self._made[id(file.module)]
        return twin

    def _define(
        self, file: File, names: list[str], other: tuple[Place, ast.AST], title: str
    ) -> None:
        """Define functions and classes anew, in the order of the source."""
        scope = vars(self.module(file))
        for name, node in file.definitions.items():
            if name in names:
                wanted = other[1] if other[0] == (file, name) else node
                exec(_compiled(file, wanted, title), scope)  # noqa: S102 - the user's own code
                self._made[id(vars(file.module)[name])] = scope[name]

    def _link(self, file: File) -> None:
        """Put what is new in the place of what it was made from; objects get the new class."""
        scope = vars(self.module(file))
        for name, value in scope.items():
            if id(value) in self._made:
                scope[name] = self._made[id(value)]
            elif id(type(value)) in self._made and type(value) is not self._made[id(type(value))]:
                scope[name] = self._made[id(value)] = _instance(value, self._made[id(type(value))])


def _copied(module: ModuleType) -> ModuleType:
    twin = ModuleType(module.__name__)
    vars(twin).update(vars(module))
    return twin


def _instance(value: object, kind: type) -> object:
    """Return a copy of an object, of another class."""
    made = copy.copy(value)
    made.__class__ = kind
    return made


def _compiled(file: File, node: ast.AST, title: str) -> CodeType:
    """Compile a definition as its file was, without the decorator that makes a test of it."""
    tree = ast.fix_missing_locations(ast.Module([*file.futures, without_test(node)], []))
    code: CodeType = compile(tree, f"{file.module.__file__} ({title})", "exec", dont_inherit=True)
    return code


def without_test(node: Any) -> Any:
    """Return a definition without ``gradient_test``, and without what decorates the test."""
    if isinstance(node, ast.ClassDef):
        return changed(node, body=[without_test(n) for n in node.body])
    decorators = getattr(node, "decorator_list", [])
    tests = [i for i, d in enumerate(decorators) if "gradient_test" in ast.unparse(d)]
    return changed(node, decorator_list=decorators[tests[-1] + 1 :]) if tests else node
