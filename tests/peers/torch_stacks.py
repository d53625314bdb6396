"""Layers on top of each other and in both directions, as one module of torch.nn."""

from typing import Any

import pytest

from rnnverify.systems import System
from tests.peers.stacks import Cell, Stack
from tests.peers.torch_layers import LAYOUTS, MODULES, Parameters, Tensor, tensors

torch = pytest.importorskip("torch")


def by_torch(system: System, stack: Stack) -> Stack:
    """Return the gradients of a stack by autograd."""
    names = (*system.weights, *system.state)
    cells = [[tensors(cell, names) for cell in layer] for layer in stack.cells]
    x, G = torch.tensor(stack.x, requires_grad=True), torch.tensor(stack.G)
    output, last = _run(system, cells, x)
    loss = (G * output).sum()
    if system.final:
        _, c_T = last
        loss = loss + (_of_all(cells, "G_cT") * c_T).sum()
    loss.backward()
    found = [[{name: cell[name].grad.numpy() for name in names} for cell in row] for row in cells]
    return Stack(x.grad.numpy(), None, found)


def _run(system: System, cells: list[list[Cell]], x: Tensor) -> tuple[Tensor, Any]:
    """Return the outputs (T B H, or T B 2H), and the last states of all cells."""
    module = MODULES[system.name](
        x.shape[2],
        cells[0][0]["h0"].shape[1],
        num_layers=len(cells),
        bidirectional=len(cells[0]) > 1,
        dtype=x.dtype,
    )
    states = tuple(_of_all(cells, name) for name in system.state)
    state = states if len(states) > 1 else states[0]
    output, last = torch.func.functional_call(module, _parameters(system, cells), (x, state))
    return output, last


def _parameters(system: System, cells: list[list[Cell]]) -> Parameters:
    """Return every cell's parameters, under the names that torch gives to them."""
    return {
        f"{name}_l{k}{'_reverse' if backwards else ''}": parameter
        for k, layer in enumerate(cells)
        for backwards, cell in enumerate(layer)
        for name, parameter in LAYOUTS[system.name](cell).items()
    }


def _of_all(cells: list[list[Cell]], name: str) -> Tensor:
    """Return an array of all cells (cells B H), the directions of a layer next to each other."""
    return torch.stack([cell[name] for layer in cells for cell in layer])
