"""flax's cells, scanned, and the references agree."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from rnnverify import Case, cases, check, verify
from rnnverify.models import gru as gru_model
from rnnverify.records import Array
from tests.peers.scanned import Arrays, Cell, States, Step, gradients

linen = pytest.importorskip("flax.linen")
nnx = pytest.importorskip("flax.nnx")

MATCH = {"float64": "match", "float32": "match"}


def simple(w: Arrays) -> Step:
    """Return flax's simple cell, whose bias is beside the input's weights."""
    parameters = {"i": {"kernel": w["Wx"], "bias": w["b"]}, "h": {"kernel": w["Wh"]}}
    return _of_one_state(linen.SimpleCell, parameters, w)


def gru(w: Arrays) -> Step:
    """Return flax's GRU, which has a module for each product; n's has a bias of its own."""
    of_x = {f"i{gate}": {"kernel": w[f"Wx{gate}"]} for gate in "rzn"}
    of_h = {f"h{gate}": {"kernel": w[f"Wh{gate}"]} for gate in "rzn"}
    biases = {"ir": w["br"], "iz": w["bz"], "in": w["bxn"], "hn": w["bhn"]}
    parameters = of_x | of_h
    for name, bias in biases.items():
        parameters[name]["bias"] = bias
    return _of_one_state(linen.GRUCell, parameters, w)


def _of_one_state(kind: Callable[..., Any], parameters: Any, w: Arrays) -> Step:
    module = kind(w["h0"].shape[1])

    def step(states: States, x: jax.Array) -> States:
        (h,) = states
        h, _ = module.apply({"params": parameters}, h, x)
        return (h,)

    return step


def lstm(kind: Callable[..., Any], w: Arrays) -> Step:
    """Return flax's LSTM, which keeps c before h, and its bias beside the recurrent weights."""
    of_x = {f"i{gate}": {"kernel": w["Wx"][:, k]} for k, gate in enumerate("ifgo")}
    of_h = {
        f"h{gate}": {"kernel": w["Wh"][:, k], "bias": w["b"][k]} for k, gate in enumerate("ifgo")
    }
    module = kind(w["h0"].shape[1])

    def step(states: States, x: jax.Array) -> States:
        h, c = states
        (c, h), _ = module.apply({"params": of_x | of_h}, (c, h), x)
        return h, c

    return step


CELLS: dict[str, tuple[str, Cell]] = {
    "SimpleCell": ("elman", simple),
    "GRUCell": ("gru", gru),
    "LSTMCell": ("lstm", partial(lstm, linen.LSTMCell)),
    "OptimizedLSTMCell": ("lstm", partial(lstm, linen.OptimizedLSTMCell)),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_agrees_with_the_reference(name: str) -> None:
    """JAX's gradients of the scanned cell match in every array, in both dtypes."""
    system, cell = CELLS[name]
    candidate = partial(gradients, cell=cell)
    found = {dtype: verify(candidate, system, dtype=dtype, cases=100).verdict for dtype in MATCH}

    assert found == MATCH


def nnx_simple(w: Arrays, **options: Any) -> Step:
    """Return the simple cell of flax.nnx."""
    D, H = w["Wx"].shape
    cell = nnx.SimpleCell(D, H, rngs=nnx.Rngs(0), **options)
    cell.dense_i.kernel, cell.dense_i.bias = nnx.Param(w["Wx"]), nnx.Param(w["b"])
    cell.dense_h.kernel = nnx.Param(w["Wh"])
    return _step_of(cell)


def nnx_gru(w: Arrays) -> Step:
    """Return the GRU of flax.nnx, leaving bhn out, for which it has no place."""
    Wx, Wh = (jnp.hstack([w[f"{W}{gate}"] for gate in "rzn"]) for W in ("Wx", "Wh"))
    D, H = w["Wxr"].shape
    cell = nnx.GRUCell(D, H, rngs=nnx.Rngs(0))
    biases = jnp.concatenate([w["br"], w["bz"], w["bxn"]])
    cell.dense_i.kernel, cell.dense_i.bias = nnx.Param(Wx), nnx.Param(biases)
    cell.dense_h.kernel = nnx.Param(Wh)
    return _step_of(cell)


def _step_of(cell: Any) -> Step:
    def step(states: States, x: jax.Array) -> States:
        (h,) = states
        new, _ = cell(h, x)
        return (new.astype(h.dtype),)

    return step


def test_nnx_simple_cell_computes_in_float32_unless_told_otherwise() -> None:
    """Its ``dtype`` defaults to float32, whatever its parameters and inputs are: it is inaccurate.

    Where a case loses more than usual in float32, that is called wrong; with ``dtype=None`` the
    cell matches.
    """
    told = partial(gradients, cell=partial(nnx_simple, dtype=None))
    untold = verify(partial(gradients, cell=nnx_simple), "elman", cases=60)

    assert verify(told, "elman", cases=60).verdict == "match"
    assert untold.counts["inaccurate"] > 60 / 2
    assert "match" not in untold.counts


def test_nnx_gru_lacks_a_bias() -> None:
    """flax.nnx.GRUCell has no b_hn, though its documentation has: any other b_hn than 0 is wrong.

    This is about flax 0.12: if it is mended there, the cell becomes ``gru``.
    """
    report = verify(partial(gradients, cell=nnx_gru), "gru", cases=60)

    assert report.verdict == "wrong"
    assert report.gradients["bhn"].differ == max(g.differ for g in report.gradients.values())


@given(case=cases("gru"))
def test_nnx_gru_agrees_where_that_bias_is_zero(case: Case) -> None:
    """With b_hn = 0, everything that flax.nnx.GRUCell has a gradient of is right."""

    def candidate(case: Case) -> dict[str, Array]:
        return gradients(case, nnx_gru) | {"bhn": gru_model.gradients(case)["bhn"]}

    without = case.with_arrays({"bhn": np.zeros_like(case["bhn"])})

    assert not check(without, candidate).failed
