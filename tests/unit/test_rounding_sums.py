"""Sums over steps are covered by their tolerance, in whichever order somebody adds them up.

The exact sums come from ``math.fsum``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from rnnverify.programs import jax_settings
from rnnverify.records import Array, Interval
from rnnverify.rounding.noise import Noise, samples
from rnnverify.rounding.sums import Sum
from rnnverify.rounding.tolerance import interval, sampled, tolerance_of
from tests.unit.test_sums import outer, sums_of

U64, TINY = 2.0**-53, 1e-270


def summed(a: Any, b: Any, tokens: Any) -> dict[str, Any]:
    """Return sums over the steps (first axis): of terms, of products, and of columns."""
    wide, zeros = jnp.zeros((3, 4)), jnp.zeros((3, 7))

    def body(sums: Any, now: Any) -> Any:
        a, b, token = now
        terms, products, columns = sums
        column = lax.dynamic_update_slice(zeros, a[:, None], (jnp.int32(0), token))
        return (terms + a, products + outer(b, a).T, columns + column), None

    sums, _ = lax.scan(body, (jnp.zeros(3), wide, zeros), (a, b, tokens))
    return dict(zip(("terms", "products", "columns"), sums, strict=True))


@cache
def compiled(steps: int) -> Callable[..., Any]:
    """Return samples of the sums over so many steps, compiled."""
    with jax_settings():
        example = np.ones((steps, 3)), np.ones((steps, 4)), np.zeros(steps, np.int32)
        return jax.jit(sampled(summed, *example))


def intervals_of(data: Sequence[Array], dtype: str) -> dict[str, Interval]:
    """Return the intervals of the sums, for code that computes in a dtype."""
    noise, steps = samples(np.dtype(dtype)), len(data[0])
    a, b, tokens = data
    with jax_settings():
        stacked = compiled(steps)(noise, a.astype(float), b.astype(float), tokens)
        found = {name: interval(each, _unit(noise), steps) for name, each in stacked.items()}
        return {name: Interval.of(*map(np.asarray, each)) for name, each in found.items()}


def _unit(noise: Noise) -> float:
    return float(noise.level.max()) / 8


def terms_of(data: Sequence[Array]) -> dict[str, Array]:
    """Return the terms of each step, in the dtype of the data."""
    a, b, tokens = data
    columns = np.zeros((len(a), 3, 7), a.dtype)
    columns[np.arange(len(a)), :, tokens] = a
    return {"terms": a, "products": a[:, :, None] * b[:, None, :], "columns": columns}


def data_of(values: str, steps: int, dtype: str = "float64") -> list[Array]:
    """Return two sequences of numbers, and one of tokens."""
    random = np.random.default_rng(steps)
    a, b = (random.standard_normal((steps, n)) for n in (3, 4))
    tokens = random.integers(0, 3, steps).astype(np.int32)
    if values.startswith("constant"):
        a, b = np.full_like(a, 0.1), np.full_like(b, 0.7)
    elif values == "of all sizes":
        a, b = (each * 10.0 ** random.uniform(-4, 4, each.shape) for each in (a, b))
    if values.endswith("and taken back"):
        a[-1], b[-1] = -a[:-1].sum(axis=0), b[0]
        tokens[:] = 0
    return [a.astype(dtype), b.astype(dtype), tokens]


def pairwise(terms: Array) -> Array:
    """Add up halves, each in the same way."""
    n = len(terms)
    return terms[0] if n == 1 else np.add(pairwise(terms[: n // 2]), pairwise(terms[n // 2 :]))


def exactly(terms: Array) -> Array:
    """Return sums that are rounded once, of terms that are not."""
    flat = terms.astype(float).reshape(len(terms), -1).T
    return np.array([math.fsum(each) for each in flat.tolist()]).reshape(terms.shape[1:])


def exact_sums(data: Sequence[Array]) -> dict[str, Array]:
    """Return the sums, rounded once, products being split into such as are exact."""
    a, b = ((each.astype(np.float32), each - each.astype(np.float32)) for each in data[:2])
    pieces = [terms_of([x.astype(float), y.astype(float), data[2]]) for x in a for y in b]
    products = np.concatenate([piece["products"] for piece in pieces])
    return {name: exactly(each) for name, each in {**terms_of(data), "products": products}.items()}


VALUES = ["constant", "random", "of all sizes", "constant, and taken back", "and taken back"]
ORDERS: Mapping[str, Callable[[Array], Array]] = {
    "forwards": lambda terms: np.cumsum(terms, axis=0)[-1],
    "backwards": lambda terms: np.cumsum(terms[::-1], axis=0)[-1],
    "pairwise": pairwise,
}


def ratios(data: Sequence[Array], dtype: str) -> dict[str, float]:
    """Return the largest error of each sum in each order, in tolerances."""
    found, terms = intervals_of(data, dtype), terms_of(data)
    sums = {f"{n} {o}": (add(terms[n]), n) for n in terms for o, add in ORDERS.items()}
    sums["products at once"] = data[0].T @ data[1], "products"
    sums |= {f"{name} exactly": (each, name) for name, each in exact_sums(data).items()}
    return {
        how: float(np.max(np.abs(got - found[name].want) / found[name].tolerance))
        for how, (got, name) in sums.items()
    }


@pytest.mark.parametrize("steps", [2, 17, 300])
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_order_of_additions_is_covered(steps: int, values: str, dtype: str) -> None:
    """From first to last, from last to first, by halves, in one product, or rounded only once."""
    found = ratios(data_of(values, steps, dtype), dtype)

    assert {how: ratio for how, ratio in found.items() if not ratio <= 1} == {}


@pytest.mark.parametrize("steps", [16, 300])
def test_what_is_left_of_a_sum_is_seen_to_be_wrong(steps: int) -> None:
    """A few tolerances more, or a term less, are beyond the tolerance: it is not just large."""
    data = data_of("random", steps)
    found, terms = intervals_of(data, "float64"), terms_of(data)

    for name, each in found.items():
        least = np.argmin(np.abs(terms["terms"]).sum(axis=1))
        less = exactly(np.delete(terms[name], least, axis=0))
        assert np.all(
            np.abs(each.want + 3 * each.tolerance - exactly(terms[name])) > each.tolerance
        )
        assert np.max(np.abs(less - each.want) / each.tolerance) > 1e6
        assert np.all(
            each.tolerance <= 40 * steps / 16 * U64 * np.abs(terms[name]).sum(axis=0) + TINY
        )


@pytest.mark.parametrize(
    ("where", "name"), [("rounding.interpreter", "terms"), ("rounding.rules", "products")]
)
def test_noise_of_one_term_is_too_little_for_many(where: str, name: str) -> None:
    """The ratios above can fail: if a sum rounded like one operation, some order is outside."""
    data = data_of("constant, and taken back", 300)
    compiled.cache_clear()
    with mock.patch(f"rnnverify.{where}.many", return_value=2.0**-4):
        found = ratios(data, "float64")
    compiled.cache_clear()

    assert max(ratio for how, ratio in found.items() if how.startswith(name)) > 1


def add_up(start: Any, xs: Any) -> Any:
    """Return a start, and everything that is added to it."""
    return lax.scan(lambda s, x: (s + x, None), start, xs)[0]


@pytest.mark.parametrize("start", [1.0, -1e3, 1e-6])
def test_a_sum_that_starts_somewhere(start: float) -> None:
    """The start is added, and additions to it, one by one, are covered."""
    xs = data_of("constant", 60)[0]
    starts = np.array([start, start - 6.0, 0.0])
    found = tolerance_of(add_up, starts, xs, steps=60)

    assert [[Sum]] == [[type(each) for each in sums] for sums in sums_of(add_up, starts, xs)]
    for got in (np.cumsum([starts, *xs], axis=0)[-1], exactly(np.array([starts, *xs]))):
        assert np.all(np.abs(got - found.want) <= found.tolerance)
    assert np.all(found.tolerance < 1e-10)


def products_over_rows(x: Any, y: Any) -> Any:
    """Return Σ_t x_tᵀ y_t, each term being a sum over the rows of a batch."""
    start = jnp.zeros((x.shape[2], y.shape[2]))
    return lax.scan(lambda s, now: (s + now[0].T @ now[1], None), start, (x, y))[0]


def rows(x: Any, _y: Any) -> Any:
    """Return the sum of all rows of all steps."""
    return lax.scan(lambda s, now: (s + now.sum(axis=0), None), jnp.zeros(x.shape[2]), x)[0]


@pytest.mark.parametrize("steps", [16, 300])
def test_a_large_batch_is_covered(steps: int) -> None:
    """Rounding all in one direction, one by one, over steps and over the rows of each."""
    batch = 64
    x, y = np.full((steps, batch, 2), 0.1, np.float32), np.full((steps, batch, 3), 0.7, np.float32)
    products = x[..., :, None] * y[..., None, :]
    given = x.astype(np.float64), y.astype(np.float64)

    for function, terms in ((products_over_rows, products), (rows, x)):
        found = tolerance_of(function, *given, dtype="float32", steps=steps)
        got = np.cumsum(terms.reshape(-1, *terms.shape[2:]), axis=0, dtype=np.float32)[-1]
        assert np.all(np.abs(got - found.want) <= found.tolerance)
        assert np.all(found.tolerance <= 1e-2 * found.want)
