"""Adapters: gradients from wherever code leaves them, parameters, frameworks, C; examples run."""

import ctypes
import doctest
import inspect
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from rnnverify import adapters
from rnnverify.adapters import (
    Layout,
    Relayout,
    from_attributes,
    from_update,
    jax_candidate,
    named,
    patched,
    pointer,
    unprefixed,
)
from rnnverify.builtin import ELMAN
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.models import elman
from rnnverify.records import Array, Case
from tests.unit.test_layers import run_python


def test_a_tuple_is_named() -> None:
    """None is left out, and ``_`` is skipped."""
    assert named("loss W _ b", (1.0, 2.0, 3.0, None)) == {"loss": 1.0, "W": 2.0}
    assert named(["W"], [2.0]) == {"W": 2.0}


@pytest.mark.parametrize(
    ("returned", "message"),
    [((1.0,), "got 1 values, but there are 2 names: W, b"), (1.0, "got 1.0, but there are 2")],
)
def test_a_tuple_of_another_length_is_refused(returned: Any, message: str) -> None:
    """Else gradients would go by wrong names."""
    with pytest.raises(InvalidGradientsError, match=message):
        named("W b", returned)


def test_prefixes_and_suffixes_are_taken_off() -> None:
    """What has none is left out, but for the loss."""
    assert unprefixed({"dW": 1, "cache": 2, "loss": 3}, "d") == {"W": 1, "loss": 3}
    assert unprefixed({"W_grad": 1}, suffix="_grad") == {"W": 1}
    with pytest.raises(InvalidGradientsError, match="no name is of the form dNAME: W, b"):
        unprefixed({"W": 1, "b": 2}, "d")


def test_attributes_are_copied() -> None:
    """An object's gradients can be reset without those that were read."""
    layer = SimpleNamespace(dW=np.ones(2), db=None)
    found = from_attributes(layer, "d{}", "W b")
    layer.dW[:] = 0

    assert list(found) == ["W"]
    assert found["W"].tolist() == [1, 1]
    with pytest.raises(InvalidGradientsError, match="SimpleNamespace has no attribute 'dU' for U"):
        from_attributes(layer, "d{}", "U")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_update_keeps_the_digits(dtype: str) -> None:
    """Gradients from 1e-10 to 1e10 come back from weights near 1 within two roundings."""
    gradient = np.pi * 10.0 ** np.arange(-10, 11).astype(dtype)
    W = np.linspace(0.5, 2, gradient.size).astype(dtype)

    def step(rate: float) -> None:
        W[...] -= rate * gradient

    found = from_update(step, {"W": W})["W"]

    assert found.dtype == dtype
    np.testing.assert_allclose(found, gradient, rtol=2 * float(np.finfo(dtype).eps), atol=0)


def test_a_built_in_rate_costs_digits() -> None:
    """At a rate of 0.1, what is left of 1e-10 beside 1 are five digits; 0 stays 0."""
    W, gradient = np.array([1.0, 1.0]), np.array([1e-10 * np.pi, 0.0])

    def step(_: float) -> None:
        W[...] -= 0.1 * gradient

    found = from_update(step, {"W": W}, rate=0.1)["W"]

    assert 1e-10 < abs(found[0] / gradient[0] - 1) < 1e-5
    assert found[1] == 0


def test_an_update_may_replace_its_arrays_and_ascend() -> None:
    """They are read again after the step; a negative rate gives the gradient of what is climbed."""
    net = SimpleNamespace(W=np.zeros(2))

    def climb() -> None:
        net.W = net.W + 0.5 * np.array([3.0, 4.0])

    found = from_update(lambda _: climb(), lambda: {"W": net.W}, rate=-0.5)

    assert found["W"].tolist() == [3, 4]


def test_globals_are_put_back() -> None:
    """Whatever happens in between, and those that were not there are gone."""
    module = ModuleType("theirs")
    vars(module).update(W=1)
    with suppress(ZeroDivisionError), patched(module, W=2, b=3) as target:
        assert target is module
        assert (module.W, module.b) == (2, 3)
        _ = 1 / 0

    assert module.W == 1
    assert not hasattr(module, "b")


def test_what_was_set_is_put_back_where_something_cannot_be() -> None:
    """A name that cannot be set leaves no other one changed."""

    class Slotted:
        __slots__ = ("W",)

    target = Slotted()
    target.W = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError), patched(target, W=2, b=3):
        pass

    assert target.W == 1  # type: ignore[attr-defined]


def elman_case(dtype: str) -> Case:
    """Return a case of ``elman`` that knows its leaves."""
    random = np.random.default_rng(0)
    dims = {"T": 3, "B": 2, "D": 3, "H": 2}
    drawn = {n: random.standard_normal(axes.shape(dims)) for n, axes in ELMAN.arrays.items()}
    return ELMAN.case(drawn, dtype=dtype)


def elman_loss(a: dict[str, Any]) -> Any:
    """Return Σ_t ⟨G_t, h_t⟩ in JAX."""
    h, loss = a["h0"], jnp.zeros(())
    for x, G in zip(a["x"], a["G"], strict=True):
        h = jnp.tanh(x @ a["Wx"] + h @ a["Wh"] + a["b"])
        loss += jnp.vdot(G, h)
    return loss


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("jit", [False, True])
def test_a_loss_in_jax_is_a_candidate(dtype: str, *, jit: bool) -> None:
    """It computes in the dtype of the case, and JAX is left as it was."""
    case, before = elman_case(dtype), jnp.zeros(0, float).dtype
    found = jax_candidate(elman_loss, jit=jit)(case)
    wanted = elman.gradients(case)

    assert set(found) == {"loss", *ELMAN.leaves}
    assert {np.asarray(each).dtype for each in found.values()} == {np.dtype(dtype)}
    assert jnp.zeros(0, float).dtype == before
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5 if dtype == "float32" else 1e-12)


def test_a_loss_in_jax_may_have_fewer_gradients() -> None:
    """Only those that are named are asked for."""
    found = jax_candidate(elman_loss, wrt=["Wh", "b"])(elman_case("float64"))

    assert set(found) == {"loss", "Wh", "b"}


@pytest.mark.parametrize(
    ("dtype", "c_type"),
    [
        (np.float64, ctypes.c_double),
        (np.float32, ctypes.c_float),
        (np.int64, ctypes.c_int64),
        (np.int32, ctypes.c_int32),
    ],
)
def test_c_reads_and_writes_through_pointers(dtype: Any, c_type: Any) -> None:
    """A function with a C signature sees the entries, row after row, and can change them."""
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    doubled = np.zeros_like(array)

    def double(n: int, source: Any, target: Any) -> None:
        for i in range(n):
            target[i] = 2 * source[i]

    pointers = ctypes.POINTER(c_type), ctypes.POINTER(c_type)
    in_c: Any = ctypes.CFUNCTYPE(None, ctypes.c_int64, *pointers)(double)
    in_c(array.size, pointer(array), pointer(doubled))

    assert doubled.tolist() == [[0, 2, 4], [6, 8, 10]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 3)).T, r"the array \(3, 2\) is no block of rows one after the other"),
        (np.ones((2, 3))[:, :2], r"np\.ascontiguousarray\(array\) makes a copy that is"),
        (np.ones(2, bool), "the dtype bool; there are pointers to float64, float32, int64, int32"),
    ],
)
def test_an_array_that_c_cannot_read_is_refused(array: Array, message: str) -> None:
    """Instead of handing out a pointer to something else."""
    with pytest.raises(UsageError, match=message):
        pointer(array)


def test_importing_the_adapters_imports_no_framework() -> None:
    """Neither JAX nor torch is imported before it is used."""
    code = (
        "import sys, rnnverify.adapters; print([m for m in ('jax', 'torch') if m in sys.modules])"
    )

    assert run_python(code).strip() == "[]"


def examples(thing: object) -> str:
    """Return the source of the examples in a docstring."""
    parsed = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
    return "".join(example.source for example in parsed)


def names_in_examples() -> dict[str, Any]:
    """Return what the examples take for granted."""
    array = np.ones((2, 2))
    case = Case(system="mine", dims={"H": 2, "D": 2}, arrays={"W": array, "b": array})
    layout = Layout(W="W", b="b")
    arrays = "dW db dWxh dWhh dbh last_state loss x y inputs targets"
    theirs = {
        "case": case,
        "layout": layout,
        "weights": layout,
        "p": layout.of(case),
        "code": SimpleNamespace(loss=lambda *_: None),
        "min_char_rnn": SimpleNamespace(loss=lambda *_: None),
        "library": SimpleNamespace(backward=lambda *_: None),
        "net": SimpleNamespace(U=array, W=array, sgd_step=lambda *_: None),
        "layer": SimpleNamespace(dWx=array, dWh=array, db=array),
        "my_loss": elman_loss,
        "Cell": object,
        "rnnverify": SimpleNamespace(verify=lambda *_: None),
    }
    return {"np": np} | PUBLIC | dict.fromkeys(arrays.split(), array) | theirs


PUBLIC = {name: getattr(adapters, name) for name in adapters.__all__}
METHODS = {
    f"{owner.__name__}.{name}": method
    for owner in (Relayout, Layout, adapters.Bound)
    for name, method in vars(owner).items()
    if "Example:" in (getattr(method, "__doc__", None) or "")
}


@pytest.mark.parametrize("name", PUBLIC | METHODS | {"the package": adapters})
def test_the_examples_run(name: str) -> None:
    """Each example in a docstring is code that runs."""
    thing = (PUBLIC | METHODS | {"the package": adapters})[name]

    exec(examples(thing), names_in_examples())  # noqa: S102 - our own


def test_everything_public_has_an_example() -> None:
    """One line of it, at least."""
    without = [name for name, thing in (PUBLIC | METHODS).items() if not examples(thing)]

    assert without == ["Bound", "Relayout"]
