"""Sums over steps are taken out of loops where nobody looks at them, and are right."""

from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from rnnverify.errors import MissingRuleError
from rnnverify.programs import jax_settings
from rnnverify.rounding import interpreter
from rnnverify.rounding.interpreter import noisy
from rnnverify.rounding.noise import samples
from rnnverify.rounding.sums import Sum, SumOfContractions, SumOfSlices, loop_of, shape_of

U64, TINY = 2.0**-53, 1e-270
Body = Callable[[Any, Any], Any]
PLAIN = jnp.zeros(3), jnp.ones((4, 3))
SQUARE = jnp.zeros((3, 3)), jnp.ones((4, 3))
CONTRACTED = "SumOfContractions"
DOUBLE = np.dtype(np.float64)


def sums_of(function: Callable[..., Any], *arguments: Any) -> list[list[Sum]]:
    """Return the sums that are taken out of each loop of a function; nothing is compiled."""
    found = []

    def noted(*loop: Any) -> Any:
        found.append(loop_of(*loop))
        return found[-1]

    with jax_settings(), mock.patch.object(interpreter, "loop_of", noted):
        noise = jax.tree.map(lambda each: each[0], samples(DOUBLE))
        jax.eval_shape(noisy(function, *arguments), noise, *arguments)
    return [list(loop.sums) for loop in found]


def kinds_of(body: Body, start: Any, xs: Any) -> list[str]:
    """Return the kind of each sum that is taken out of a scan over float64."""
    with jax_settings():
        double = jax.tree.map(lambda a: np.asarray(a, a.dtype if a.dtype == int else float), xs)
        start = jax.tree.map(lambda a: np.asarray(a, np.float64), start)
        (sums,) = sums_of(lambda s, x: lax.scan(body, s, x), start, double)
    return [type(each).__name__ for each in sums]


def outer(x: Any, y: Any) -> Any:
    """Return an outer product, as differentiating a product with a matrix makes one."""
    return lax.dot_general(x, y, (((), ()), ((), ())))


def put(where: Any, piece: Any) -> Any:
    """Return a column in its place in a matrix (3 3)."""
    return lax.dynamic_update_slice(where, piece[:, None], (0, 1))


def told(s: Any, x: Any) -> Any:
    """Add a product, and return it besides."""
    product = outer(x, x)
    return s + product, product


def summed_twice(s: Any, x: Any) -> Any:
    """Add up a sum's values as they change."""
    new = s[0] + x
    return (new, s[1] + new), None


@pytest.mark.parametrize(
    ("body", "start", "kind"),
    [
        (lambda s, x: (s + x, x), PLAIN[0], "Sum"),
        (lambda s, x: (jnp.tanh(x) + s, None), PLAIN[0], "Sum"),
        (lambda s, x: (s + outer(x, x), None), SQUARE[0], CONTRACTED),
        (lambda s, x: (s + outer(x, 2 * x).T, x), SQUARE[0], CONTRACTED),
        (lambda s, x: (s + outer(x, outer(x, x)).transpose(2, 0, 1), None), 27, CONTRACTED),
        (lambda s, x: (s + 2 * outer(x, x), None), SQUARE[0], "Sum"),
        (lambda s, x: (s + outer(x, x), outer(x, x)), SQUARE[0], CONTRACTED),
        (told, SQUARE[0], "Sum"),
        (lambda s, x: (s + outer(x, x) @ outer(x, x), None), SQUARE[0], CONTRACTED),
        (lambda s, x: (s + outer(x, x).sum(axis=0), None), PLAIN[0], CONTRACTED),
        (lambda s, x: (s + put(jnp.zeros((3, 3)), x), None), SQUARE[0], "SumOfSlices"),
        (lambda s, x: (s + put(jnp.ones((3, 3)), x), None), SQUARE[0], "Sum"),
        (lambda s, x: (s + put(jnp.zeros((3, 3)), x).T, None), SQUARE[0], "Sum"),
    ],
    ids=[
        "a term that is read, too",
        "the term first",
        "an outer product",
        "transposed",
        "of three axes",
        "multiplied",
        "and formed once more",
        "and read besides",
        "a product of matrices",
        "a sum over rows",
        "a column among zeros",
        "a column among ones",
        "a row among zeros",
    ],
)
def test_what_only_adds_up_is_taken_out(body: Body, start: Any, kind: str) -> None:
    """As the kind that its terms are of: whole ones, slices, or products yet to be formed."""
    start = jnp.zeros((3, 3, 3)) if isinstance(start, int) else start

    assert kinds_of(body, start, PLAIN[1]) == [kind]


@pytest.mark.parametrize(
    "body",
    [
        lambda s, x: (s + x, s),
        lambda s, x: (s + x, s[0]),
        lambda s, x: (s + x,) * 2,
        lambda s, x: (s + s * x, None),
        lambda s, x: (s + x + x, None),
        lambda s, _: (s + s, None),
        lambda s, x: (2 * s + x, None),
        lambda s, x: (2 * (s + x), None),
        lambda s, x: (s - x, None),
        lambda s, x: (jnp.maximum(s, x), None),
        lambda s, _: (s, None),
        lambda s, _: (s + 1.0, None),
    ],
    ids=[
        "read before",
        "an entry read before",
        "read afterwards",
        "in its own term",
        "added to twice",
        "added to itself",
        "multiplied before",
        "multiplied afterwards",
        "subtracted from",
        "a maximum",
        "held",
        "counting",
    ],
)
def test_what_is_looked_at_stays_in(body: Body) -> None:
    """A carry that anything but one addition uses, or that is no plain sum, is left as it is."""
    assert kinds_of(body, *PLAIN) == []


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (lambda s, x: ((s[1] + x, s[0] + x), None), 0),
        (lambda s, x: ((s[0] + x, s[1] + s[0]), None), 1),
        (summed_twice, 1),
        (lambda s, x: ((s[0] + x, s[1] + x), None), 2),
    ],
    ids=["changing places", "a sum of sums", "a sum of new sums", "two sums of one term"],
)
def test_two_carries_are_told_apart(body: Body, count: int) -> None:
    """One that another reads stays; the other, which nobody reads, goes."""
    zeros, xs = PLAIN

    assert kinds_of(body, (zeros, zeros), xs) == ["Sum"] * count


def test_a_sum_in_float32_is_refused_as_ever() -> None:
    """Noise would vanish in it, so it is not taken out, and the error names the operation."""

    def summed(s: Any, xs: Any) -> Any:
        return lax.scan(lambda s, x: (s + x, None), s, xs)[0]

    with pytest.raises(MissingRuleError, match=r"computes in float32, in: .* = add "):
        sums_of(summed, np.zeros(3, np.float32), np.ones((4, 3), np.float32))


def weighted(weights: Mapping[str, Any], x: Any, tokens: Any) -> Any:
    """Return the loss of a network that uses weights in every way that a step can."""

    def body(h: Any, now: Any) -> Any:
        x, token = now
        y = weights["column"][:, token] + weights["plain"]
        h = jnp.tanh(weights["left"] @ h + x @ weights["right"] + y)
        return h, h @ h

    return jnp.sum(lax.scan(body, jnp.zeros(3), (x, tokens))[1])


def test_the_gradients_of_weights_are_taken_out() -> None:
    """Whether a step multiplies by a weight from the left or the right, reads a column, or adds."""
    _, backwards = sums_of(*weighted_and_arguments())

    assert {(type(each), shape_of(each.term)) for each in backwards} == {
        (SumOfContractions, (3, 3)),
        (SumOfContractions, (2, 3)),
        (SumOfSlices, (3, 7)),
        (Sum, (3,)),
    }


def weighted_and_arguments() -> tuple[Any, ...]:
    """Return the gradient of that network, and weights, inputs and tokens for it."""
    random = np.random.default_rng(0)
    shapes = {"left": (3, 3), "right": (2, 3), "column": (3, 7), "plain": (3,)}
    weights = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    return jax.grad(weighted), weights, random.standard_normal((6, 2)), np.array([0, 5, 6, 5, 5, 0])


def test_without_noise_the_gradient_is_jaxs_own() -> None:
    """But for the order of additions: a few units in the last place of the largest entry."""
    want, got = jax_and_clean(*weighted_and_arguments())

    for name, each in want.items():
        np.testing.assert_allclose(got[name], each, rtol=0, atol=2e-15 * np.abs(each).max())


def jax_and_clean(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Any]:
    """Return what JAX makes of a function, and what the sample without noise is."""
    with jax_settings():
        walked = noisy(function, *arguments)
        both = jax.jit(lambda noise, *given: (function(*given), walked(noise, *given)))
        one = jax.tree.map(lambda each: each[0], samples(DOUBLE))
        found: tuple[Any, Any] = jax.tree.map(np.asarray, both(one, *arguments))
    return found


def test_a_loop_in_a_loop() -> None:
    """A sum that is taken out of the inner one is a term of what is taken out of the outer one."""

    def inner(w: Any, x: Any) -> Any:
        return lax.scan(lambda s, v: (jnp.tanh(w @ s + v), None), x[0], x)[0]

    def loss(w: Any, xs: Any) -> Any:
        return jnp.sum(lax.scan(lambda h, x: (h + inner(w, x + h), h), jnp.zeros(3), xs)[1])

    arguments = np.eye(3) + 0.1, np.linspace(-1, 1, 24).reshape(4, 2, 3)
    want, got = jax_and_clean(jax.grad(loss), *arguments)
    kinds = [[type(each) for each in sums] for sums in sums_of(jax.grad(loss), *arguments)]

    np.testing.assert_allclose(got, want, rtol=1e-14)
    assert [Sum] in kinds
    assert [SumOfContractions] in kinds


def test_wrong_factors_would_be_seen() -> None:
    """The values above can fail: if factors changed places, gradients would be transposed."""
    with mock.patch.object(SumOfContractions, "wanted", property(_swapped)):
        want, got = jax_and_clean(*weighted_and_arguments())

    assert not np.allclose(got["left"], want["left"], rtol=1e-3)
    np.testing.assert_allclose(got["left"], want["left"].T, rtol=1e-13)


def _swapped(of: SumOfContractions) -> list[Any]:
    """Return the factors in the wrong order, which can be multiplied if they are of one shape."""
    factors = list(of.contraction.invars)
    return factors[::-1] if len({shape_of(each) for each in factors}) == 1 else factors
