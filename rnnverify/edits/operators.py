"""What can be changed in an expression or a statement: one small rule a kind of mistake.

A rule takes a node of a syntax tree and the names of the loops' counters, and returns what may
stand in the node's place. Nodes are never changed themselves, so that changed trees can share them.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

Nodes = Iterator[ast.AST]
Operator = Callable[[ast.AST, frozenset[str]], Nodes]

SMALL = 1e-6
"""Constants below this only guard against a division by zero or a logarithm of it."""
LITERALS = (ast.List, ast.Tuple, ast.JoinedStr)
"""What ``+`` joins and ``*`` repeats, instead of calculating."""


def drop_term(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Leave out a summand: a + b -> a, a + b -> b, a - b -> a."""
    match node:
        case ast.BinOp(left=a, op=ast.Add(), right=b) if calculates(a, b):
            yield from (a, b)
        case ast.BinOp(left=a, op=ast.Sub(), right=b) if calculates(a, b):
            yield a


def swap_sign(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Add what is to be subtracted, or the other way round, also in ``+=``."""
    match node:
        case ast.BinOp(left=a, op=ast.Add() | ast.Sub() as op, right=b) if calculates(a, b):
            yield changed(node, op=opposite(op))
        case ast.AugAssign(op=ast.Add() | ast.Sub() as op) if not counts(node):
            yield changed(node, op=opposite(op))


def drop_minus(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Leave out a minus: -a -> a."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=a):
            yield a


def drop_factor(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Leave out a factor: a * b -> a, a * b -> b, a / b -> a, and the whole of ``a *= b``."""
    match node:
        case ast.BinOp(left=a, op=ast.Mult(), right=b) if calculates(a, b):
            yield from (kept for kept in (a, b) if not isinstance(kept, ast.Constant))
        case ast.BinOp(left=a, op=ast.Div()) if not isinstance(a, ast.Constant):
            yield a
        case ast.AugAssign(op=ast.Mult() | ast.Div()):
            yield ast.Pass()


def drop_power(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Leave out an exponent: a ** b -> a."""
    match node:
        case ast.BinOp(left=a, op=ast.Pow()):
            yield a


def drop_transpose(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Leave out a transpose: a.T -> a, np.transpose(a) -> a, a.transpose() -> a."""
    match node:
        case ast.Attribute(value=a, attr="T", ctx=ast.Load()):
            yield a
        case ast.Call(func=ast.Attribute(attr="transpose"), args=[a]):
            yield a
        case ast.Call(func=ast.Attribute(value=a, attr="transpose"), args=[]):
            yield a


def shift_index(node: ast.AST, counters: frozenset[str]) -> Nodes:
    """Take the neighbour: a[t - 1] -> a[t], a[t + 1] -> a[t], and a[t] -> a[t - 1] in a loop."""
    match node:
        case ast.Subscript(slice=ast.Tuple(elts=parts) as whole):
            for i, part in enumerate(parts):
                for other in neighbours(part, counters, node.ctx):
                    yield changed(node, slice=changed(whole, elts=replaced(parts, i, other)))
        case ast.Subscript(slice=part):
            yield from (changed(node, slice=p) for p in neighbours(part, counters, node.ctx))


def neighbours(
    index: ast.expr, counters: frozenset[str], context: ast.expr_context
) -> Iterator[ast.expr]:
    """Return the indices, or the slices, for which one is easily mistaken."""
    reads = isinstance(context, ast.Load)
    match index:
        case ast.BinOp(left=ast.Name() as t, op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
            yield t
        case ast.Name(id=name) if name in counters and reads:
            yield ast.BinOp(index, ast.Sub(), ast.Constant(1))
        case ast.Slice() if reads:
            ends = {":-1": "1:", "1:": ":-1"}
            if (other := ends.get(ast.unparse(index))) is not None:
                yield parsed(f"_[{other}]").slice


def overwrite(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Assign what is to be added or subtracted: a += b -> a = b."""
    match node:
        case ast.AugAssign(target=a, op=ast.Add() | ast.Sub(), value=b) if not counts(node):
            yield ast.Assign([a], b)


def reverse(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Go forward in time instead of backward."""
    match node:
        case ast.Call(func=ast.Name("reversed"), args=[a]):
            yield a
        case ast.Call(func=ast.Name("range"), args=[_, _, step]) if ast.unparse(step) == "-1":
            yield ast.Call(ast.Name("reversed", ast.Load()), [node], [])
        case ast.Subscript(value=a, slice=ast.Slice() as part) if ast.unparse(part) == "::-1":
            yield a


def shorten(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Leave out the last step of a range."""
    match node:
        case ast.Call(func=ast.Name("range"), args=[stop]):
            yield changed(node, args=[moved(stop, ast.Sub())])
        case ast.Call(func=ast.Name("range"), args=[start, stop, *step]):
            back = bool(step) and ast.unparse(step[0]).startswith("-")
            last = moved(stop, ast.Add() if back else ast.Sub())
            yield changed(node, args=[start, last, *step])


def average(node: ast.AST, _counters: frozenset[str]) -> Nodes:
    """Take the mean instead of the sum."""
    match node:
        case ast.Call(func=ast.Attribute(attr="sum") as function):
            yield changed(node, func=changed(function, attr="mean"))


OPERATORS: dict[str, Operator] = {
    "drop_term": drop_term,
    "swap_sign": swap_sign,
    "drop_minus": drop_minus,
    "drop_factor": drop_factor,
    "drop_power": drop_power,
    "drop_transpose": drop_transpose,
    "shift_index": shift_index,
    "overwrite": overwrite,
    "reverse": reverse,
    "shorten": shorten,
    "mean_for_sum": average,
}
"""Every rule, by what it is called in the name of an edit."""


def changed(node: Any, **fields: Any) -> Any:
    """Return a node like another, but for some fields."""
    values = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    return ast.copy_location(type(node)(**{**values, **fields}), node)


def replaced(nodes: list[Any], place: int, other: Any) -> list[Any]:
    """Return a list of nodes, one of which is another."""
    return [*nodes[:place], other, *nodes[place + 1 :]]


def calculates(a: ast.expr, b: ast.expr) -> bool:
    """Whether the result of an operation is a number that depends on both operands.

    Text and lists are joined; what is tiny, or a maximum, is there against under- and overflow.
    """
    if any(isinstance(x, LITERALS) or isinstance(getattr(x, "value", 0), str) for x in (a, b)):
        return False
    guards = isinstance(b, ast.Constant) and isinstance(b.value, float) and b.value < SMALL
    return not guards and not (isinstance(b, ast.Call) and ast.unparse(b.func).endswith("max"))


def counts(node: ast.AugAssign) -> bool:
    """Whether a statement is like ``i += 1``, without which a loop may never end."""
    return isinstance(node.target, ast.Name) and isinstance(node.value, ast.Constant)


def opposite(op: ast.operator) -> ast.operator:
    """Return - for + and + for -."""
    return ast.Sub() if isinstance(op, ast.Add) else ast.Add()


def moved(stop: ast.expr, op: ast.operator) -> ast.expr:
    """Return the end of a range, moved by one."""
    return ast.BinOp(stop, op, ast.Constant(1))


def parsed(text: str) -> Any:
    """Return an expression."""
    return ast.parse(text, mode="eval").body
