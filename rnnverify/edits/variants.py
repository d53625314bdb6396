"""Every way to change one place of a function, and the places that are left alone."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rnnverify.edits.operators import OPERATORS, Operator, changed, replaced, shift_index

SHAPES = frozenset(
    [
        *("arange", "astype", "broadcast_to", "empty", "empty_like", "eye", "full", "full_like"),
        *("len", "linspace", "ones", "ones_like", "print", "range", "reshape", "split", "squeeze"),
        *("swapaxes", "tile", "zeros", "zeros_like"),
    ]
)
"""Functions whose arguments are sizes, places or messages: changed, those crash or are idle."""
OPTIONS = frozenset(["axis", "dtype", "keepdims", "ndmin", "order", "out", "shape", "strict"])
"""Keyword arguments of the same kind."""
RANDOM = frozenset(["rand", "randn", "randint", "random", "rng"])
"""Weights that are drawn at random are set from outside when a candidate is checked."""
LOSSES = frozenset(["cost", "loss", "losses", "smooth_loss", "total_loss"])
"""A loss that is wrong beside right gradients is no failure."""
IDLE = (
    *(ast.Assert, ast.Raise, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal),
    *(ast.JoinedStr, ast.arguments),
)
"""Nodes in which nothing is changed."""
SKIPPED = frozenset(["annotation", "decorator_list", "keys", "returns", "type_params"])
"""Fields of any node in which nothing is changed."""


@dataclass(frozen=True)
class Variant:
    """A changed node: by which rule, at which line, and the innermost statement that it is in."""

    rule: str
    line: int
    node: ast.AST
    statement: ast.AST | None = None

    @property
    def text(self) -> str:
        """The changed statement, or what it begins with, in one line."""
        return ast.unparse(ast.fix_missing_locations(self.statement or self.node)).partition("\n")[
            0
        ]


def variants(
    node: ast.AST,
    counters: frozenset[str] | None = None,
    rules: Mapping[str, Operator] = OPERATORS,
) -> Iterator[Variant]:
    """Return every way to change one place of a node; the node itself stays as it is."""
    if is_idle(node):
        return
    counters = counters_of(node) if counters is None else counters
    for variant in (*_own(node, counters, rules), *_within(node, counters, rules)):
        is_statement = isinstance(node, ast.stmt) and variant.statement is None
        yield replace(variant, statement=variant.node) if is_statement else variant


def _own(
    node: ast.AST, counters: frozenset[str], rules: Mapping[str, Operator]
) -> Iterator[Variant]:
    for name, rule in rules.items():
        for other in rule(node, counters):
            line: int = node.lineno  # type: ignore[attr-defined]
            yield Variant(name, line, other)


def _within(
    node: ast.AST, counters: frozenset[str], rules: Mapping[str, Operator]
) -> Iterator[Variant]:
    for field, place, child in _children(node):
        inner = {"shift_index": shift_index} if field == "slice" else rules
        for variant in variants(child, counters, inner):
            value: Any = variant.node
            if place is not None:
                value = replaced(getattr(node, field), place, variant.node)
            yield replace(variant, node=changed(node, **{field: value}))


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    """Return the nodes right below one: their field, and their place where it is a list."""
    for field, value in ast.iter_fields(node):
        if not is_left_alone(node, field):
            several = isinstance(value, list)
            for i, child in enumerate(value if several else [value]):
                if isinstance(child, ast.AST):
                    yield field, i if several else None, child


def is_idle(node: ast.AST) -> bool:
    """Whether a change in a node would change no gradient, or could only crash."""
    match node:
        case ast.keyword(arg=name):
            return name in OPTIONS
        case ast.Assign(targets=targets) if all(map(is_loss, targets)):
            return True
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target) if is_loss(target):
            return True
        case ast.Assign() | ast.AnnAssign() | ast.Expr():
            return not RANDOM.isdisjoint(names_in(node))
    return isinstance(node, IDLE)


def is_left_alone(node: ast.AST, field: str) -> bool:
    """Whether nothing is changed in a field: what a loop waits for, or arguments that are sizes."""
    if isinstance(node, ast.While) and field == "test":
        return True
    if isinstance(node, ast.Call) and field in ("args", "keywords"):
        return last_name(node.func) in SHAPES
    return field in SKIPPED


def is_loss(target: ast.AST) -> bool:
    """Whether what is assigned to is a loss."""
    return last_name(target) in LOSSES


def last_name(node: ast.AST) -> str:
    """Return ``c`` of ``c``, of ``a.b.c`` and of ``a.b.c[i]``."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
    return ""


def names_in(node: ast.AST) -> set[str]:
    """Return the names, and the attributes, that occur in a node."""
    named = (last_name(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute))
    return set(named)


def counters_of(node: ast.AST) -> frozenset[str]:
    """Return the names that count in loops: those of ranges, and the first ones of enumerations."""
    loops = [n for n in ast.walk(node) if isinstance(n, ast.For | ast.comprehension)]
    return frozenset(name for loop in loops for name in _counter(loop.target, loop.iter))


def _counter(target: ast.expr, over: Any) -> Iterator[str]:
    match target, over:
        case _, ast.Call(func=ast.Name(id="reversed"), args=[inner]):
            yield from _counter(target, inner)
        case ast.Name(id=name), ast.Call(func=ast.Name(id="range")):
            yield name
        case ast.Tuple(elts=[ast.Name(id=name), *_]), ast.Call(func=ast.Name(id="enumerate")):
            yield name
