"""Tolerances cover every rounding that correct code makes, and little more.

The exact answer comes from mpmath, or from float64 where float32 is under test; what is held
against the tolerance is a computation of NumPy's, in an order of its own.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnverify.errors import MissingRuleError
from rnnverify.programs import jax_settings
from rnnverify.records import Array, Interval
from rnnverify.rounding.noise import SMALLEST, Noise, Perturber, samples
from rnnverify.rounding.tolerance import sampled, tolerance_of

U64, U32 = 2.0**-53, 2.0**-24


def ratio(got: Any, interval: Interval) -> float:
    """Return the largest error of ``got``, in tolerances."""
    return float(np.max(np.abs(np.asarray(got, float) - interval.want) / interval.tolerance))


def exactly(function: Callable[[Any], Any], x: Array) -> Array:
    """Evaluate a function of one number in 50 digits, entry by entry, and round it once."""
    with mpmath.workdps(50):
        return np.array([float(function(mpmath.mpf(float(v)))) for v in x.ravel()]).reshape(x.shape)


@pytest.mark.parametrize(
    ("function", "numpy", "exact"),
    [
        (
            lambda x: 1 - jnp.tanh(x) ** 2,
            lambda x: 1 - np.tanh(x) ** 2,
            lambda x: mpmath.sech(x) ** 2,
        ),
        (
            lambda x: jax.nn.sigmoid(x) - 1,
            lambda x: 1 / (1 + np.exp(-x)) - 1,
            lambda x: -1 / (1 + mpmath.exp(x)),
        ),
        (lambda x: jnp.exp(x) - 1, lambda x: np.exp(x) - 1, mpmath.expm1),
        (lambda x: jnp.log(1 + x**2), lambda x: np.log(1 + x * x), lambda x: mpmath.log1p(x**2)),
        (lambda x: jnp.sqrt(1 + x) - jnp.sqrt(x), lambda x: np.sqrt(1 + x) - np.sqrt(x), None),
    ],
)
def test_cancellations_are_covered(function: Any, numpy: Any, exact: Any) -> None:
    """Where digits cancel, both NumPy's result and the exact one are within tolerance."""
    x = np.array([0.0, 1e-9, 0.3, 1.0, 5.0, 12.0, 19.0])
    found = tolerance_of(function, x)

    assert ratio(numpy(x), found) < 1
    if exact is not None:
        assert ratio(exactly(exact, x), found) < 1
    assert np.all(found.tolerance < 200 * U64 * np.maximum(1, np.abs(found.want)))


def test_near_certainty_p_minus_1_is_covered() -> None:
    """Where the target is all but certain, p - 1 cancels, in the gradient of the loss too."""
    y = np.array([0.0, 30.0, -3.0])
    found = tolerance_of(jax.grad(lambda v: -jax.nn.log_softmax(v)[1]), y)
    p = np.exp(y - y.max()) / np.sum(np.exp(y - y.max()))

    with mpmath.workdps(50):
        e = [mpmath.exp(mpmath.mpf(float(v))) for v in y]
        exact = np.array([float(each / sum(e)) for each in e])
        exact[1] = float(e[1] / sum(e) - 1)
    assert ratio(p - [0, 1, 0], found) < 1
    assert ratio(exact, found) < 1
    assert found.tolerance[1] < 100 * U64
    assert found.tolerance[0] < 1000 * U64 * p[0]


@given(x=st.floats(-30, 30), dtype=st.sampled_from(["float64", "float32"]))
def test_one_operation_is_known(x: float, dtype: str) -> None:
    """A product's tolerance is 16 units of roundoff, and what rounding the samples adds."""
    a = np.array([np.float32(x)], float)
    found = tolerance_of(lambda v: v * 3.0, a, dtype=dtype)
    unit = U64 if dtype == "float64" else U32
    tiny = max(float(np.finfo(dtype).smallest_normal) / (8 * unit), SMALLEST)

    assert 8 * unit * abs(3 * a[0]) <= found.tolerance[0]
    assert found.tolerance[0] <= 20 * unit * max(abs(3 * a[0]), tiny)


@pytest.mark.parametrize("n", [1, 3, 65, 1024, 4096])
@pytest.mark.parametrize("values", ["constant", "random", "alternating"])
def test_long_sums(n: int, values: str) -> None:
    """Sums are covered in any order: NumPy's pairwise one, one by one, backwards."""
    x = summands(n, values)
    found = tolerance_of(jnp.sum, x)

    assert ratio(exactly_summed(x), found) < 1
    for order in (x, x[::-1], np.sort(x)):
        assert ratio(np.cumsum(order)[-1], found) < 1
    assert found.tolerance <= 20 * U64 * np.sum(np.abs(x)) * max(1, n / 16)


@pytest.mark.parametrize("n", [1, 65, 4096])
@pytest.mark.parametrize("values", ["constant", "random", "alternating"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_long_dot_products(n: int, values: str, dtype: str) -> None:
    """Dot products are covered, whether BLAS makes them or a loop."""
    a = summands(n, values).astype(dtype)
    b = summands(n, "random", seed=1).astype(dtype)
    found = tolerance_of(jnp.dot, a.astype(float), b.astype(float), dtype=dtype)

    assert ratio(a @ b, found) < 1
    assert ratio(np.cumsum(a * b)[-1], found) < 1


@pytest.mark.parametrize("n", [4, 4096])
def test_long_products(n: int) -> None:
    """Products lose one rounding a factor."""
    x = 1 + np.random.default_rng(0).random(n) / n
    found = tolerance_of(jnp.prod, x)

    with mpmath.workdps(50):
        exact = mpmath.fprod(mpmath.mpf(float(v)) for v in x)
        assert ratio(float(exact), found) < 1
    assert ratio(np.cumprod(x)[-1], found) < 1
    assert ratio(np.prod(x), tolerance_of(lambda v: jnp.cumprod(v)[-1], x)) < 1


@pytest.mark.parametrize("steps", [16, 1024])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_long_sequences(steps: int, dtype: str) -> None:
    """A constant sequence that rounds alike at every step drifts, and is covered."""
    c = np.array([0.1, 0.3, 0.7, 1 / 3, 0.0], dtype)

    def add_up(x: Any) -> Any:
        return jax.lax.scan(lambda s, _: (s + x, None), jnp.zeros_like(x), None, length=steps)[0]

    total = np.zeros_like(c)
    for _ in range(steps):
        total = total + c

    assert ratio(total, tolerance_of(add_up, c.astype(float), dtype=dtype, steps=steps)) < 1


def test_equal_values_do_not_cancel() -> None:
    """Equal entries get noise of their own: a difference of equals has the noise of each."""
    found = tolerance_of(lambda x: x[0] * 3 - x[1] * 3, np.array([0.1, 0.1]))

    assert found.want == 0
    assert found.tolerance > 4 * U64 * 0.3


def test_a_step_that_is_repeated_does_not_cancel_either() -> None:
    """Rounding that is the same at every iteration adds up, rather than averaging out."""
    x = np.array([1.0])

    def repeat(v: Any) -> Any:
        return jax.lax.fori_loop(0, 900, lambda _, s: s * (1 + v - v), v)

    assert tolerance_of(repeat, x).tolerance > 900 * U64


def test_zero_entries_stay_near_zero() -> None:
    """What is exactly zero has next to no tolerance."""
    found = tolerance_of(lambda x: x[:, None] * x, np.array([0.0, 1.0, 2.0]))

    assert np.all(found.tolerance[0] < 1e-290)
    assert np.all(found.tolerance[1:, 1:] > U64)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_underflow_is_covered(dtype: str) -> None:
    """Products below the smallest normal number may be flushed to zero, or not."""
    tiny = np.array([np.finfo(dtype).smallest_normal], dtype)
    product = tiny * np.array([0.7], dtype) * np.array([2.0**10], dtype)
    found = tolerance_of(lambda x: x * 0.7 * 2.0**10, tiny.astype(float), dtype=dtype)

    assert ratio(product, found) < 1
    assert ratio(np.zeros(1), found) < 1


def test_a_sigmoid_that_overflows_is_covered() -> None:
    """1/(1+exp(-z)) is 0 in float32 where the answer is subnormal, and nobody is accused."""
    z = np.array([-86.0, -88.0, -89.0, -95.0, -104.0], np.float32)
    with np.errstate(over="ignore"):
        naive = 1 / (1 + np.exp(-z))

    assert ratio(naive, tolerance_of(jax.nn.sigmoid, z.astype(float), dtype="float32")) < 1


def test_a_kink_is_covered() -> None:
    """Just at a kink the tolerance spans the jump; away from it, it does not."""
    slope = jax.grad(lambda x: jnp.sum(jnp.maximum(x - 0.3, 0.0)))
    found = tolerance_of(slope, np.array([0.3, 0.4]))

    assert found.tolerance[0] >= 0.5
    assert found.tolerance[1] < 1e-14


def test_a_norm_of_zero_is_no_nan() -> None:
    """Noise does not push a sum of squares below zero, on to a NaN."""
    for dtype in ("float64", "float32"):
        found = tolerance_of(lambda x: jnp.sqrt(jnp.sum(x**2)), np.zeros(3), dtype=dtype)
        assert np.isfinite(found.tolerance)


def test_an_infinity_stays_what_it_is() -> None:
    """An infinite intermediate takes no NaN from the noise."""
    found = tolerance_of(lambda x: jnp.tanh(jnp.exp(x)), np.array([1000.0]))

    assert found.want[0] == 1
    assert found.tolerance[0] < 1e-13


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("jit", jax.jit(lambda x: jnp.sin(x) * x)),
        ("checkpoint", jax.checkpoint(lambda x: jnp.sin(x) * x)),
        ("cond", lambda x: jax.lax.cond(x[0] > 0, lambda v: v * v, jnp.cos, x)),
        ("switch", lambda x: jax.lax.switch(1, [jnp.cos, lambda v: v * v], x)),
        ("scan", lambda x: jax.lax.scan(lambda c, v: (c * v, c + v), x, jnp.stack([x, x]))[1]),
        ("while", lambda x: jax.lax.while_loop(lambda v: v[0] < 9, lambda v: v * 1.7, x)),
        ("reverse scan", lambda x: jax.lax.cumsum(x, reverse=True)),
        ("gather", lambda x: (x * x)[jnp.array([1, 0, 1])]),
        ("gradient", jax.grad(lambda x: jax.nn.log_softmax(x)[0])),
        ("scatter", jax.grad(lambda x: jnp.sum(x[jnp.array([0, 0, 1])] ** 2))),
        ("conv", lambda x: jnp.convolve(x, x)),
        ("cond, backwards", jax.grad(lambda x: jax.lax.cond(x[0] > 0, _cubes, jnp.sum, x))),
        ("switch, backwards", jax.grad(lambda x: jax.lax.switch(1, [jnp.sum, _cubes], x))),
        ("checkpoint, backwards", jax.grad(jax.checkpoint(lambda x: jnp.sum(jnp.sin(x * x))))),
        ("scan, backwards", jax.grad(lambda x: jax.lax.scan(_multiply, x[0], x)[0])),
        ("scattered product", lambda x: x.at[jnp.array([0, 0])].multiply(x[1]) * x),
        ("window", lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (2,), (1,), "SAME") * x),
        ("log Γ", lambda x: jax.scipy.special.gammaln(x + 2)),
    ],
)
def test_every_kind_of_jaxpr_is_walked(name: str, function: Any) -> None:
    """Clean values are those of the function, and noise reaches inside whatever contains jaxprs."""
    del name
    x = np.array([0.5, 1.25, 2.0])
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own signature
        stacked = np.asarray(jax.jit(sampled(function, x))(samples(np.dtype(np.float64)), x))
        clean = np.asarray(jax.jit(function)(x))
    moved = np.abs(stacked[1:] - stacked[0]).max(axis=0)

    np.testing.assert_array_max_ulp(stacked[0], clean, 4)
    assert np.all(moved > 3 * U64 * np.abs(clean))
    assert np.all(moved < 1e-12)


def _cubes(x: Any) -> Any:
    return jnp.sum(x * x * x)


def _multiply(c: Any, x: Any) -> Any:
    return c * x, None


def test_a_reference_in_float32_is_refused() -> None:
    """Noise as small as float64's would vanish in it, so the error names the operation."""
    with pytest.raises(MissingRuleError, match=r"computes in float32[\s\S]*in float64"):
        tolerance_of(lambda x: (x.astype(jnp.float32) * 2).astype(x.dtype), np.array([1.0]))


def test_noise_does_not_leave_a_domain() -> None:
    """log1p just above -1, arcsin of 1: noise never makes them NaN."""
    for function, x in ((jnp.log1p, -1 + 2e-16), (jnp.arcsin, 1.0), (jnp.sqrt, 0.0)):
        assert not np.isnan(tolerance_of(lambda v, f=function: f(v * 1.0), np.array([x])).tolerance)


def test_custom_derivatives_are_walked() -> None:
    """Functions with custom rules are evaluated, and their rules' arithmetic gets noise."""

    @jax.custom_vjp
    def cube(x: Any) -> Any:
        return x * x * x

    cube.defvjp(lambda x: (cube(x), x), lambda x, g: (3 * x * x * g,))

    @jax.custom_jvp
    def square(x: Any) -> Any:
        return x * x

    square.defjvp(lambda p, t: (square(*p), 2 * p[0] * t[0]))
    x = np.array([1.5, 2.5])

    for function, want in ((cube, x**3), (square, x**2)):
        assert ratio(want, tolerance_of(function, x)) < 1
    for function, want in ((cube, 3 * x**2), (square, 2 * x)):
        found = tolerance_of(jax.grad(lambda v, f=function: jnp.sum(f(v))), x)
        assert ratio(want, found) < 1
        assert np.all(found.tolerance > 8 * U64)


def test_a_primitive_without_a_rule_is_named() -> None:
    """The error names the primitive and shows the equation."""
    with pytest.raises(MissingRuleError, match="'igamma'"):
        tolerance_of(lambda x: jax.scipy.special.gammainc(x, x), np.array([1.0]))


def test_the_clean_sample_is_clean() -> None:
    """Sample 0 has level 0, all others the level of the dtype; keys are odd and differ."""
    noise = samples(np.dtype(np.float32))

    assert noise.level[0] == 0
    assert np.all(noise.level[1:] == 8 * U32)
    assert np.all(noise.key % 2 == 1)
    assert len(set(noise.key.tolist())) == 9
    assert np.sum(noise.steady[1:]) == 4


def test_noise_is_between_half_its_size_and_all_of_it() -> None:
    """With either sign, evenly; in each sample another; and where nothing is known of the size."""
    size = np.full(4000, 8.0)
    size[0], size[1] = np.nan, np.inf

    def moved(noise: Noise) -> Any:
        return Perturber().perturb(noise, jnp.zeros(4000), size, 2.0)

    with jax_settings():
        clean, *noisy = np.asarray(jax.vmap(moved)(samples(np.dtype(np.float64))))

    assert not clean.any()
    for each in noisy:
        share = each[2:] / (8 * U64 * 8 * 2)
        assert np.all((np.abs(share) >= 0.5) & (np.abs(share) < 1))
        assert np.mean(share > 0) == pytest.approx(0.5, abs=0.05)
        assert np.mean(share[share > 0]) == pytest.approx(0.75, abs=0.02)
        assert np.mean(share[share < 0]) == pytest.approx(-0.75, abs=0.02)
        assert np.all(np.isfinite(each))
    assert len({each.tobytes() for each in noisy}) == len(noisy)


def test_the_magnitude_of_a_product_is_formed_once() -> None:
    """From the clean sample, where the product itself is formed in every one."""
    x = np.ones(3)
    with jax_settings():
        run = sampled(lambda a, b: jnp.tanh(a) @ b, x, np.ones((3, 2)))
        jaxpr = jax.make_jaxpr(run)(samples(np.dtype(np.float64)), x, np.ones((3, 2)))
    shapes = [
        equation.outvars[0].aval.shape
        for equation in jaxpr.jaxpr.eqns
        if equation.primitive.name == "dot_general"
    ]

    assert sorted(shapes) == [(2,), (9, 2)]


def test_too_little_tolerance_would_be_seen() -> None:
    """The ratios above can fail: in a hundredth of the tolerance, NumPy's sum is outside."""
    x = summands(4096, "constant")
    found = tolerance_of(jnp.sum, x)
    tight = Interval.of(found.want, found.tolerance / 100)

    assert ratio(np.cumsum(x)[-1], tight) > 1


def summands(n: int, values: str, seed: int = 0) -> Array:
    """Return numbers to add up."""
    if values == "constant":
        return np.full(n, 0.1)
    random = np.random.default_rng(seed).standard_normal(n)
    return random if values == "random" else np.abs(random) * (-1.0) ** np.arange(n)


def exactly_summed(x: Array) -> float:
    """Return the sum, rounded once."""
    with mpmath.workdps(50):
        return float(mpmath.fsum(mpmath.mpf(float(v)) for v in x))
