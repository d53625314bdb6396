"""Pointing: the line of a candidate's source that a report is best shown at."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from rnnverify.results import Place, Report

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARY = Path(ast.__file__).resolve().parent
FRAME = re.compile(r'^[ |+]*File "(.+?)", line (\d+),? in ', re.MULTILINE)
"""A frame in a traceback, of an exception or of a thread that hangs."""
LAST_FIRST = "most recent call first"
INSTALLED = {"site-packages", "dist-packages"}
EMPTY = ("zeros", "empty", "full")
"""How the functions begin that make an array before anything is in it."""


def pointed(report: Report) -> Place | None:
    """Return where to look for what is wrong.

    The deepest line of the candidate's own where it raised or hung; the line that computes the
    gradient, where only one is wrong and only one line of the candidate computes it; or else where
    the candidate is defined. None where that is not known either.
    """
    return _raised(report) or _computed(report) or report.place


def _raised(report: Report) -> Place | None:
    """Return the deepest frame that is the user's own code."""
    traceback = report.failure and report.failure.verdict.traceback
    if not traceback:
        return None
    frames = FRAME.findall(traceback)
    if LAST_FIRST not in traceback:
        frames.reverse()
    own = (Place(file=file, line=int(n)) for file, n in frames if _is_own(file, report.place))
    return next(own, None)


def _is_own(file: str, place: Place | None) -> bool:
    """Whether a file is the candidate's, or one of the user's beside or below it."""
    path, home = _resolved(file), _resolved(place.file) if place else None
    if path is None or path == home:
        return path is not None
    if INSTALLED & set(path.parts) or any(path.is_relative_to(each) for each in (PACKAGE, LIBRARY)):
        return False
    return path.is_relative_to(Path.cwd()) or (
        home is not None and path.is_relative_to(home.parent)
    )


def _resolved(file: str) -> Path | None:
    """Return the path of a file that is there; None for what has none, such as ``<string>``."""
    try:
        path = Path(file).resolve()
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def _computed(report: Report) -> Place | None:
    """Return the line that computes the wrong gradient, where there can be no doubt.

    Where several gradients are wrong, it is what they have in common that is, not these lines.
    """
    wrong = [name for name, each in report.gradients.items() if each.differ]
    if report.place is None or report.failure is None or wrong != [report.failure.gradient]:
        return None
    function = _function(report.place)
    lines = set(_lines(function, wrong[0])) if function else set()
    return Place(file=report.place.file, line=lines.pop()) if len(lines) == 1 else None


def _function(place: Place) -> ast.AST | None:
    """Return the function that begins at a line, decorators included."""
    try:
        with tokenize.open(place.file) as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min(each.lineno for each in (node, *node.decorator_list))
            if first == place.line:
                return node
    return None


def _lines(function: ast.AST, gradient: str) -> Iterator[int]:
    """Yield the lines that compute a gradient."""
    for node in ast.walk(function):
        if isinstance(node, ast.AugAssign):
            if _is_named(node.target, gradient):
                yield node.lineno
        else:
            pairs = ((t, v) for t, v in _pairs(node) if _is_named(t, gradient))
            yield from (value.lineno for _, value in pairs if _is_computed(value))


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what is assigned to, and what is assigned to it, by a statement or a dict's entry."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _unpacked(target, node.value)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.Dict):
        yield from ((k, v) for k, v in zip(node.keys, node.values, strict=True) if k is not None)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if not isinstance(target, ast.Tuple | ast.List):
        yield target, value
    elif isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield from ((each, value) for each in target.elts)


def _is_named(target: ast.expr, gradient: str) -> bool:
    """Whether an expression is the place of a gradient: dWhh, self.dWhh, dWhh[:], grads["Whh"]."""
    names = {f"d{gradient}", f"d_{gradient}", f"grad_{gradient}", f"{gradient}_grad"}
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in names
        case ast.Subscript(slice=ast.Constant(value=str(key))) | ast.Constant(value=str(key)):
            return key in names | {gradient}
        case ast.Subscript(value=array):
            return _is_named(array, gradient)
    return False


def _is_computed(value: ast.expr) -> bool:
    """Whether an expression computes something, and neither hands it on nor makes an empty one."""
    match value:
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Constant():
            return False
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return not name.startswith(EMPTY)
    return True
