"""The rules of generic mutants: each makes the mistake that it is named after, and no other."""

import ast

import pytest

from rnnverify.edits.variants import variants


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = a + b", {"y = a", "y = b", "y = a - b"}),
        ("y = a - b", {"y = a", "y = a + b"}),
        ("y = -a", {"y = a"}),
        ("y = a * b", {"y = a", "y = b"}),
        ("y = a / b", {"y = a"}),
        ("y *= a", {"pass"}),
        ("y = a @ b", set()),
        ("y = a ** 2", {"y = a"}),
        ("y = W.T @ a", {"y = W @ a"}),
        ("y = np.transpose(W)", {"y = W"}),
        ("y = h[t - 1]", {"y = h[t]"}),
        ("y = h[t + 1]", {"y = h[t]"}),
        ("y = h[k]", set()),
        ("for t in range(3): y = h[t]", {"y = h[t - 1]", "for t in range(3 - 1):"}),
        ("y = h[:-1]", {"y = h[1:]"}),
        ("y = h[1:]", {"y = h[:-1]"}),
        ("y += a", {"y = a", "y -= a"}),
        ("y -= a", {"y = a", "y += a"}),
        ("y = reversed(xs)", {"y = xs"}),
        ("y = range(n, 0, -1)", {"y = reversed(range(n, 0, -1))", "y = range(n, 0 + 1, -1)"}),
        ("y = np.sum(x, axis=-1)", {"y = np.mean(x, axis=-1)"}),
    ],
)
def test_each_mistake_is_made(before: str, after: set[str]) -> None:
    """A statement is changed in the ways that it is easily mistaken for, and in no other."""
    assert after == changes(before)


@pytest.mark.parametrize(
    "source",
    [
        "assert a + b",
        "raise ValueError(a + b)",
        "y = np.zeros((a + b, -c))",
        "y = x.reshape(a * b)",
        "y = g['W']",
        "def f(a=1 + 2): pass",
        "i += 1",
        "y = np.exp(x - x.max())",
        "y = x + 1e-12",
        "y = 'a' + b",
        "y = [0] * n",
        "loss -= np.log(p) * w",
        "W = np.random.randn(3, 3) * 0.01",
    ],
)
def test_what_only_crashes_or_changes_no_gradient_is_left_alone(source: str) -> None:
    """Sizes, guards, losses, random weights, counters and messages are not changed."""
    assert changes(source) == set()


def changes(statement: str) -> set[str]:
    """Return what a statement in a function may be changed to."""
    (function,) = ast.parse(f"def f():\n    {statement}").body
    return {variant.text for variant in variants(function)}
