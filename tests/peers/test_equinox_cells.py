"""equinox's cells, scanned, and the references agree."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from rnnverify import verify
from tests.peers.scanned import Arrays, Cell, States, Step, gradients

eqx = pytest.importorskip("equinox")

MATCH = {"float64": "match", "float32": "match"}


def lstm(w: Arrays) -> Step:
    """Return equinox's LSTM, whose gates are in our order, and whose only bias is ours."""
    D, _, H = w["Wx"].shape
    weights = [w[name].reshape(-1, 4 * H).T for name in ("Wx", "Wh")]
    cell = eqx.tree_at(
        lambda cell: (cell.weight_ih, cell.weight_hh, cell.bias),
        eqx.nn.LSTMCell(D, H, key=jax.random.key(0)),
        (*weights, w["b"].ravel()),
    )
    return lambda states, x: jax.vmap(cell)(x, states)


def gru(w: Arrays) -> Step:
    """Return equinox's GRU: r, z, n in this order, and its ``bias_n`` is inside of the reset."""
    D, H = w["Wxr"].shape
    weights = [jnp.hstack([w[f"{W}{gate}"] for gate in "rzn"]).T for W in ("Wx", "Wh")]
    cell = eqx.tree_at(
        lambda cell: (cell.weight_ih, cell.weight_hh, cell.bias, cell.bias_n),
        eqx.nn.GRUCell(D, H, key=jax.random.key(0)),
        (*weights, jnp.concatenate([w["br"], w["bz"], w["bxn"]]), w["bhn"]),
    )

    def step(states: States, x: jax.Array) -> States:
        (h,) = states
        return (jax.vmap(cell)(x, h),)

    return step


def as_the_original(w: Arrays) -> Step:
    """Return equinox's GRU with the weights of one that resets before the product."""
    return gru({**w, "bxn": w["bn"], "bhn": jnp.zeros_like(w["bn"])})


@pytest.mark.parametrize(("system", "cell"), [("lstm", lstm), ("gru", gru)])
def test_a_cell_agrees_with_the_reference(system: str, cell: Cell) -> None:
    """JAX's gradients of the scanned cell match in every array, in both dtypes."""
    candidate = partial(gradients, cell=cell)
    found = {dtype: verify(candidate, system, dtype=dtype, cases=100).verdict for dtype in MATCH}

    assert found == MATCH


def test_the_gru_resets_after_the_product() -> None:
    """Equinox's GRU is ``gru``, that of cuDNN; the one of 2014 it is not."""
    candidate = partial(gradients, cell=as_the_original)

    assert verify(candidate, "gru_reset_before", cases=60).verdict == "wrong"
