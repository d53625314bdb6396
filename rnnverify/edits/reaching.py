"""Which definitions a function is made of: its own, and those of the user's that it mentions.

What is mentioned is found by name: a name in the file's namespace, or an attribute, which may be a
method of a class that is reached, or a function of a module that is.
"""

import ast
from collections.abc import Iterator
from types import ModuleType

from rnnverify.edits.files import Definition, File, Function, Project

Place = tuple[File, str]
"""A definition: the file that it is in, and its name there."""


def reach(
    project: Project, start: Place, attributes: frozenset[str]
) -> tuple[list[Place], frozenset[str]]:
    """Return the definitions that are reached, ``start`` first, and the attributes asked for.

    Args:
        project: Whose files may be entered.
        start: The definition to begin with.
        attributes: What is asked for of it: the name of a method, if it is a class.
    """
    reached, before = [start], 0
    while before != (before := len(reached) + len(attributes)):
        for file, name in list(reached):
            for node in mentioning(file.definitions[name], attributes):
                attributes = attributes | attributes_in(node)
                found = [p for n in names_in(node) for p in _places(project, file, n, attributes)]
                reached += [p for p in dict.fromkeys(found) if p not in reached]
    return reached, attributes


def _places(project: Project, file: File, name: str, attributes: frozenset[str]) -> list[Place]:
    """Return the definitions behind a name: of a module, those which are asked for."""
    scope = vars(file.module)
    other = project.file(scope[name]) if isinstance(scope.get(name), ModuleType) else None
    if other is not None:
        asked = [project.find(other, n) for n in vars(other.module) if n in attributes]
    else:
        asked = [project.find(file, name)] if name in scope else []
    return [place for place in asked if place is not None]


def mentioning(definition: Definition, attributes: frozenset[str]) -> Iterator[ast.AST]:
    """Return what may mention others: the functions that are reached, and base classes."""
    if isinstance(definition, ast.ClassDef):
        yield from definition.bases
    yield from functions_of(definition, attributes)


def functions_of(definition: Definition, attributes: frozenset[str]) -> Iterator[Function]:
    """Return a function, or the methods of a class that are asked for, or that have no choice."""
    if not isinstance(definition, ast.ClassDef):
        yield definition
        return
    for node in definition.body:
        if isinstance(node, Function) and (node.name in attributes or node.name.startswith("__")):
            yield node


def names_in(node: ast.AST) -> list[str]:
    """Return the names that a node reads from around it, in the order of the source."""
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    own = {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    return [n.id for n in names if n.id not in own]


def attributes_in(node: ast.AST) -> frozenset[str]:
    """Return the attributes that a node asks for."""
    return frozenset(n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute))
