"""Generic mutants: small changes to the source of the user's own function, in memory only."""

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from rnnverify.edits.files import Definition, File, Project
from rnnverify.edits.operators import changed, replaced
from rnnverify.edits.reaching import Place, functions_of, reach
from rnnverify.edits.twins import Twins
from rnnverify.edits.variants import Variant, variants
from rnnverify.errors import UsageError
from rnnverify.records import Candidate


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A generic change to a function's source.

    Attributes:
        name: Its line and its rule, such as ``line_34_drop_term``; unique. It begins with the name
            of the module where that is not the one that was asked for.
        path: The file that the line is in.
        line: The number of the line, from 1.
        before: The line as it stands, without its indentation.
        after: What the statement is instead, in one line.
        candidate: The function with the change; called like the user's, which stays as it is.
    """

    name: str
    path: str
    line: int
    before: str
    after: str
    candidate: Candidate


def edits_of(module: ModuleType, name: str) -> list[Edit]:
    """Return every generic change to a function, and to what it calls in the user's files.

    Args:
        module: The user's module, loaded.
        name: The name of the function in it, which may be dotted, or of a ``gradient_test``.

    Raises:
        UsageError: if its source cannot be had.
    """
    places, attributes = _reached(module, name)
    taken: Counter[str] = Counter()
    edits = []
    for place in places:
        for variant, definition in _changes(place, attributes):
            label = _label(module, place[0], variant)
            taken[label] += 1
            label += f"_{taken[label]}" if taken[label] > 1 else ""
            twins = Twins(places, (place, definition), label)
            candidate = as_candidate(twins.module(File(module)), name)
            edits.append(_edit(label, place[0], variant, candidate))
    return edits


def _label(module: ModuleType, file: File, variant: Variant) -> str:
    other = "" if file.module is module else f"{file.module.__name__.rpartition('.')[2]}_"
    return f"{other}line_{variant.line}_{variant.rule}"


def _edit(label: str, file: File, variant: Variant, candidate: Candidate) -> Edit:
    return Edit(
        name=label,
        path=str(file.module.__file__),
        line=variant.line,
        before=file.lines[variant.line - 1].strip(),
        after=variant.text,
        candidate=candidate,
    )


def _changes(place: Place, attributes: frozenset[str]) -> Iterator[tuple[Variant, ast.AST]]:
    """Return every change to a definition that makes a difference, and the definition with it."""
    file, name = place
    original = file.definitions[name]
    seen = {ast.dump(original)}
    for function in functions_of(original, attributes):
        for variant in variants(function):
            definition = _with(original, function, variant.node)
            if (dump := ast.dump(definition)) not in seen:
                seen.add(dump)
                yield variant, definition


def _with(definition: Definition, function: ast.AST, other: ast.AST) -> Any:
    """Return a definition in which a function, itself or a method of its, is another."""
    if definition is function:
        return other
    place = next(i for i, node in enumerate(definition.body) if node is function)
    return changed(definition, body=replaced(definition.body, place, other))


def _reached(module: ModuleType, name: str) -> tuple[list[Place], frozenset[str]]:
    """Return the definitions that a function is made of, its own first, and their attributes."""
    project, head, attributes = Project(module), *name.partition(".")[::2]
    try:
        found = attribute(module, name)
        start = project.find(File(module), head)
        return reach(
            project, start or _refused(module, name, found), frozenset(attributes.split("."))
        )
    except AttributeError:
        message = f"candidate: {module.__name__} has no {name!r}; name a function that it has"
        raise UsageError(message) from None
    except (OSError, TypeError, SyntaxError) as error:
        message = (
            f"candidate: the source of {module.__name__} is needed to change {name}, but cannot be "
            f"read ({error}); name a function in a Python file"
        )
        raise UsageError(message) from None


def _refused(module: ModuleType, name: str, found: object) -> Place:
    """Say what is no definition of the user's, and what would be right."""
    what = "lambda" if getattr(found, "__name__", "") == "<lambda>" else type(found).__name__
    where = getattr(module, "__file__", None) or module.__name__
    message = (
        f"candidate: {name} is a {what} whose source is not a definition of its own in {where}; "
        "name a function that is written there with def, or a method"
    )
    raise UsageError(message)


def attribute(module: ModuleType, name: str) -> Any:
    """Return what a module has under a name, which may be dotted."""
    return functools.reduce(getattr, name.split("."), module)


def as_candidate(module: ModuleType, name: str) -> Candidate:
    """Return the function of a name, or the adapter that a test has been made of, as a candidate.

    A method that is a test is bound to an object that is made for it.
    """
    found = attribute(module, name)
    found = getattr(found, "rnnverify_adapter", found)
    owner = attribute(module, name.rpartition(".")[0]) if "." in name else None
    plain = isinstance(found, FunctionType) and isinstance(owner, type)
    is_method = plain and not isinstance(vars(owner).get(found.__name__), staticmethod)
    candidate: Candidate = partial(found, owner()) if is_method and owner is not None else found
    return candidate
