"""Contenders in ``benchmarks.bptt`` compute one and the same gradient, so that times compare."""

import numpy as np
import pytest

from benchmarks import bptt
from benchmarks.torch_models import LAYERS, RECURRENCES
from rnnverify.builtin import find_system

torch = pytest.importorskip("torch")
# torch.compile calls what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
SMALL = {"T": 5, "B": 2, "D": 3, "H": 4, "V": 6}


def problem(system: str) -> bptt.Problem:
    """Return a small problem."""
    dims = {axis: SMALL[axis] for axis in find_system(system).dims}
    return bptt.Problem(system, dims, "float64")


@pytest.mark.parametrize("system", list(bptt.SIZES))
def test_gradients_are_the_models(system: str) -> None:
    """JAX's and torch's gradients are those of the model, array by array."""
    there = problem(system)
    model = find_system(system).gradients(there.case)
    by_jax, by_torch = bptt.by_jax(there.case)(), bptt.by_torch(there.case)["torch"]()
    names = find_system(system).leaves

    for name, of_torch in zip(names, by_torch, strict=True):  # type: ignore[call-overload]
        np.testing.assert_allclose(of_torch.numpy(), model[name], rtol=1e-10, atol=1e-12)
        of_jax = np.asarray(by_jax[name])  # type: ignore[index]
        np.testing.assert_allclose(of_jax, model[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("system", list(LAYERS))
def test_layers_have_the_same_loss(system: str) -> None:
    """A layer of torch's is given the same weights, and so has the loss of the recurrence."""
    case = problem(system).case
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in case.items()}
    recurrence, _ = RECURRENCES[system]
    of_layer, parameters = LAYERS[system](tensors)

    assert of_layer().item() == pytest.approx(recurrence(tensors).item(), rel=1e-12)
    assert all(each.requires_grad for each in parameters)


def test_flops_are_those_of_the_products() -> None:
    """An LSTM's weights take part in three products a row: forwards, backwards, and theirs."""
    lstm = problem("lstm")

    assert lstm.flops == 3 * 2 * (5 * 2) * (3 + 4) * (4 * 4)
