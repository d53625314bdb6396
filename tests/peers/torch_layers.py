"""Recurrent layers of torch.nn as candidates: weights from the case, gradients by autograd.

torch has the gates of a layer below each other in one matrix, each the transpose of ours, and two
biases, which are added up. Ours goes into the first. The case's arrays are laid out by torch's own
operations, so that it is autograd that finds the way back to them.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

import rnnverify
from rnnverify.records import Array, Case

torch = pytest.importorskip("torch")

Tensor = Any
Parameters = dict[str, Tensor]
"""weight_ih, weight_hh, bias_ih and bias_hh of one layer in one direction."""


def simple(w: Mapping[str, Tensor]) -> Parameters:
    """Lay out the weights of ``elman`` or ``elman_relu``."""
    return _parameters(w["Wx"], w["Wh"], w["b"], torch.zeros_like(w["b"]))


def lstm(w: Mapping[str, Tensor]) -> Parameters:
    """Lay out the weights of ``lstm``, whose gates are in torch's order: i, f, g, o."""
    Wx, Wh, b = w["Wx"].flatten(1), w["Wh"].flatten(1), w["b"].flatten()
    return _parameters(Wx, Wh, b, torch.zeros_like(b))


def gru(w: Mapping[str, Tensor]) -> Parameters:
    """Lay out the weights of ``gru``; torch's order is r, z, n, and only n needs both biases."""
    Wx, Wh = (torch.hstack([w[f"{W}{gate}"] for gate in "rzn"]) for W in ("Wx", "Wh"))
    none = torch.zeros_like(w["br"])
    return _parameters(
        Wx, Wh, torch.cat([w["br"], w["bz"], w["bxn"]]), torch.cat([none, none, w["bhn"]])
    )


def _parameters(Wx: Tensor, Wh: Tensor, b: Tensor, b_recurrent: Tensor) -> Parameters:
    return {"weight_ih": Wx.T, "weight_hh": Wh.T, "bias_ih": b, "bias_hh": b_recurrent}


LAYOUTS: Mapping[str, Callable[[Mapping[str, Tensor]], Parameters]] = {
    "elman": simple,
    "elman_relu": simple,
    "lstm": lstm,
    "gru": gru,
}
MODULES: Mapping[str, Callable[..., Any]] = {
    "elman": torch.nn.RNN,
    "elman_relu": partial(torch.nn.RNN, nonlinearity="relu"),
    "lstm": torch.nn.LSTM,
    "gru": torch.nn.GRU,
}


def gradients(
    case: Case, *, change: Callable[[Parameters], Parameters] = lambda parameters: parameters
) -> dict[str, Array]:
    """Return the loss and all gradients of a case of a layer, with or without lengths.

    Args:
        case: A case of one of LAYOUTS.
        change: What is done to the parameters before the layer sees them.
    """
    names = rnnverify.find_system(case.system).leaves
    given = tensors(case, names)
    parameters = change(LAYOUTS[case.system](given))
    output, last = _run(case, given, {f"{name}_l0": p for name, p in parameters.items()})
    loss = (given["G"] * output).sum()
    if "G_cT" in given:
        _, c_T = last
        loss = loss + (given["G_cT"] * c_T[0]).sum()
    found = torch.autograd.grad(loss, [given[name] for name in names])
    return {"loss": loss.detach().numpy()} | {
        name: gradient.numpy() for name, gradient in zip(names, found, strict=True)
    }


def tensors(arrays: Mapping[str, Array], leaves: tuple[str, ...]) -> dict[str, Tensor]:
    """Return copies as tensors of the same dtypes, of which the leaves want gradients."""
    made = {name: torch.tensor(array) for name, array in arrays.items()}
    for name in leaves:
        made[name].requires_grad_()
    return made


def _run(case: Case, given: Mapping[str, Tensor], parameters: Parameters) -> tuple[Tensor, Any]:
    """Return the outputs (T B H) and the states at the sequences' ends, an LSTM's as h and c."""
    (steps, _, D), H = case["x"].shape, case["h0"].shape[1]
    module = MODULES[case.system](D, H, dtype=given["x"].dtype)
    states = [given[name][None] for name in ("h0", "c0") if name in given]
    state = tuple(states) if len(states) > 1 else states[0]
    x = given["x"]
    if "lengths" in given:
        x = torch.nn.utils.rnn.pack_padded_sequence(x, given["lengths"], enforce_sorted=False)
    output, last = torch.func.functional_call(module, parameters, (x, state))
    if "lengths" in given:
        output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, total_length=steps)
    return output, last
