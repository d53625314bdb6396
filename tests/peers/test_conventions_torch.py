"""Code in torch with backward passes of its own, and modules: right and wrong ones."""

from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.adapters import (
    Layout,
    Relayout,
    of,
    stack,
    torch_candidate,
    torch_module,
    zeros_like,
)
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.records import Candidate, Case

torch = pytest.importorskip("torch")

Tensor = Any
Function: Any = torch.autograd.Function
Module: Any = torch.nn.Module
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


class Cell(Function):  # type: ignore[misc]
    """A step of a plain layer, with a rule of its own."""

    @staticmethod
    def forward(ctx: Any, *arguments: Tensor) -> Tensor:
        """Return the next state (B H), given x, h, Wx, Wh and b."""
        x, h, Wx, Wh, b = arguments
        out = torch.tanh(x @ Wx + h @ Wh + b)
        ctx.save_for_backward(x, h, Wx, Wh, out)
        return out

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the arguments."""
        x, h, Wx, Wh, out = ctx.saved_tensors
        dz = dout * (1 - out**2)
        return dz @ Wx.T, dz @ Wh.T, x.T @ dz, h.T @ dz, dz.sum(0)


class WrongCell(Cell):
    """The same, where a transpose is missing."""

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the arguments, that of h being wrong."""
        _, _, _, Wh, out = ctx.saved_tensors
        dx, _, *rest = Cell.backward(ctx, dout)
        return dx, dout * (1 - out**2) @ Wh, *rest


def plain(cell: Any) -> Any:
    """Return the loss of a layer of those cells."""

    def loss(p: dict[str, Tensor]) -> Tensor:
        h, total = p["h0"], 0
        for x, G in zip(p["x"], p["G"], strict=True):
            h = cell.apply(x, h, p["Wx"], p["Wh"], p["b"])
            total = total + (G * h).sum()
        return total

    return loss


class GRU(Module):  # type: ignore[misc]
    """A layer with two linear maps a gate, in a dict of modules; h = (1-z) h + z n."""

    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.of_x = torch.nn.ModuleDict({g: torch.nn.Linear(n_in, n_hidden) for g in "rzn"})
        self.of_h = torch.nn.ModuleDict(
            {g: torch.nn.Linear(n_hidden, n_hidden, bias=g == "n") for g in "rzn"}
        )

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Return all states (T B H)."""
        states = []
        for x_t in x:
            r = torch.sigmoid(self.of_x["r"](x_t) + self.of_h["r"](h))
            z = torch.sigmoid(self.of_x["z"](x_t) + self.of_h["z"](h))
            n = torch.tanh(self.of_x["n"](x_t) + r * self.of_h["n"](h))
            h = (1 - z) * h + z * n
            states.append(h)
        return torch.stack(states)


class CarelessGRU(GRU):
    """The same, where the state does not carry gradients from step to step."""

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Return all states (T B H)."""
        states = []
        for x_t in x:
            states.append(super().forward(x_t[None], h)[0])
            h = states[-1].detach()
        return torch.stack(states)


def gru(module: Any, device: str = "cpu") -> Candidate:
    """Return a module of that class as a candidate."""
    layout: dict[str, Relayout] = {}
    for g, sign in {"r": 1, "z": -1, "n": 1}.items():
        weights = (of(f"Wx{g}").T, of("bxn" if g == "n" else f"b{g}"), of(f"Wh{g}").T)
        names = (f"of_x.{g}.weight", f"of_x.{g}.bias", f"of_h.{g}.weight")
        layout |= {n: w if sign > 0 else -w for n, w in zip(names, weights, strict=True)}
    layout["of_h.n.bias"] = of("bhn")

    return torch_module(
        lambda case: module(case.dims["D"], case.dims["H"]),
        Layout(layout),
        lambda net, p: (p["G"] * net(p["x"], p["h0"])).sum(),
        device=device,
    )


def torch_lstm(device: str) -> Candidate:
    """Return torch's own layer as a candidate."""
    Wx, Wh, b = (of(name).flat for name in ("Wx", "Wh", "b"))
    biases = {"bias_ih_l0": b, "bias_hh_l0": zeros_like(b)}

    def loss(net: Any, p: dict[str, Tensor]) -> Tensor:
        output, (_, c_T) = net(p["x"], (p["h0"][None], p["c0"][None]))
        return (p["G"] * output).sum() + (p["G_cT"] * c_T[0]).sum()

    return torch_module(
        lambda case: torch.nn.LSTM(case.dims["D"], case.dims["H"]),
        Layout({"weight_ih_l0": Wx.T, "weight_hh_l0": Wh.T}) | Layout(biases),
        loss,
        device=device,
    )


def differing(candidate: Candidate, system: str) -> set[str]:
    """Return the gradients that differ in some case."""
    report = rnnverify.verify(candidate, system, cases=40)
    return {name for name, each in report.gradients.items() if each.differ > 0}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_code_in_torch_matches(dtype: str, device: str) -> None:
    """An autograd function, a module of one's own and one of torch's."""
    for candidate, system in (
        (torch_candidate(plain(Cell), device=device), "elman"),
        (gru(GRU, device), "gru"),
        (torch_lstm(device), "lstm"),
    ):
        report = rnnverify.verify(candidate, system, dtype=dtype, cases=40)
        assert report.ok, report.failure
        assert report.unchecked == ()


def test_a_wrong_autograd_function_is_found() -> None:
    """A transpose that is missing shows in everything that lies before."""
    assert differing(torch_candidate(plain(WrongCell)), "elman") == {"x", "h0", "Wx", "Wh", "b"}


def test_a_state_that_carries_nothing_is_found() -> None:
    """A detach between steps shows in the weights, the inputs and the initial state."""
    assert differing(gru(CarelessGRU), "gru") == set(rnnverify.find_system("gru").leaves)


def test_arrays_that_do_not_matter_have_no_gradient() -> None:
    """Gradients that are not asked for, or that autograd does not know of, are left out."""
    case = elman_case()

    assert set(torch_candidate(lambda p: (p["Wx"] * 2).sum())(case)) == {"loss", "Wx"}
    assert set(torch_candidate(plain(Cell), wrt=["Wh"])(case)) == {"loss", "Wh"}


@pytest.mark.parametrize("loss", [lambda _: 1.0, lambda p: p["Wx"], lambda p: p["G"].sum()])
def test_a_loss_that_cannot_be_differentiated_is_refused(loss: Any) -> None:
    """A float, several numbers, or nothing that depends on a leaf."""
    with pytest.raises(InvalidGradientsError, match="must be a tensor of one number"):
        torch_candidate(loss)(elman_case())


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({"kernel": of("Wx").T}, "parameters are weight, but the layout has kernel"),
        ({"weight": of("Wx")}, r"weight has the shape \(2, 3\), but the layout makes it \(3, 2\)"),
        ({"weight": stack(of("Wx"), of("Wh")).T}, r"but the layout makes it \(2, 5\)"),
    ],
)
def test_a_layout_must_fit_the_module(weight: Any, message: str) -> None:
    """In the names of its parameters and in their shapes."""
    candidate = torch_module(
        lambda case: torch.nn.Linear(case.dims["D"], case.dims["H"], bias=False),
        Layout(weight),
        lambda net, p: net(p["x"]).sum(),
    )
    with pytest.raises(UsageError, match=message):
        candidate(elman_case())


def elman_case() -> Case:
    """Return a case of ``elman``."""
    system = rnnverify.find_system("elman")
    dims = {"T": 2, "B": 2, "D": 3, "H": 2}
    arrays = {name: np.ones(axes.shape(dims)) for name, axes in system.arrays.items()}
    return system.case(arrays)
