"""The systems in torch: as recurrences of its operations, and as its own layers.

In the recurrences, what does not depend on the state is computed for all steps at once, as in the
models; the rest is a step, so that it can be compiled by itself. Layers are those of ``torch.nn``,
with the same weights.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

Tensors = Mapping[str, Any]
Step = Callable[..., Any]


def step_of_char_rnn(wx: Any, h: Any, Whh: Any) -> Any:
    """Return the next h."""
    return (wx + Whh @ h).tanh()


def loss_of_char_rnn(at: Tensors, step: Step = step_of_char_rnn) -> Any:
    """Return -Σ_t w_t log p_t(target)."""
    torch = import_module("torch")
    wx, h, states = at["Wxh"].T[at["inputs"]] + at["bh"], at["h0"], []
    for t in range(len(wx)):
        h = step(wx[t], h, at["Whh"])
        states.append(h)
    y = torch.stack(states) @ at["Why"].T + at["by"]
    losses = torch.nn.functional.cross_entropy(y, at["targets"], reduction="none")
    return at["loss_weights"] @ losses


def step_of_lstm(xWx: Any, h: Any, c: Any, Wh: Any) -> tuple[Any, Any]:
    """Return the next h and c."""
    i, f, g, o = (xWx + h @ Wh).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def loss_of_lstm(at: Tensors, step: Step = step_of_lstm) -> Any:
    """Return Σ_t ⟨G_t, h_t⟩ + ⟨G_cT, c_T⟩."""
    torch = import_module("torch")
    Wx, Wh = at["Wx"].flatten(1), at["Wh"].flatten(1)
    xWx, h, c, states = at["x"] @ Wx + at["b"].flatten(), at["h0"], at["c0"], []
    for t in range(len(xWx)):
        h, c = step(xWx[t], h, c, Wh)
        states.append(h)
    return (at["G"] * torch.stack(states)).sum() + (at["G_cT"] * c).sum()


def step_of_gru(xWx: Any, h: Any, Wh: Any, bhn: Any) -> Any:
    """Return the next h."""
    (xr, xz, xn), (hr, hz, hn) = xWx.chunk(3, dim=1), (h @ Wh).chunk(3, dim=1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * (hn + bhn)).tanh()
    return (1 - z) * n + z * h


def loss_of_gru(at: Tensors, step: Step = step_of_gru) -> Any:
    """Return Σ_t ⟨G_t, h_t⟩."""
    torch = import_module("torch")
    Wx, Wh, b = (
        torch.cat([at[f"{name}{gate}"] for gate in gates], dim=-1)
        for name, gates in (("Wx", "rzn"), ("Wh", "rzn"), ("b", ("r", "z", "xn")))
    )
    xWx, h, states = at["x"] @ Wx + b, at["h0"], []
    for t in range(len(xWx)):
        h = step(xWx[t], h, Wh, at["bhn"])
        states.append(h)
    return (at["G"] * torch.stack(states)).sum()


def step_of_rtrbm(Wv: Any, c: Any, U: Any, b_h: Any) -> Any:
    """Return the next biases c."""
    return b_h + U @ (Wv + c).sigmoid()


def loss_of_rtrbm(at: Tensors, step: Step = step_of_rtrbm) -> Any:
    """Return Σ_t w_t log P(v_t | r_{t-1})."""
    torch = import_module("torch")
    softplus = torch.nn.functional.softplus
    v, W, H = at["v"], at["W"], len(at["b_h"])
    Wv, biases = v @ W.T, [at["b_init"]]
    for t in range(len(v) - 1):
        biases.append(step(Wv[t], biases[t], at["U"], at["b_h"]))
    c = torch.stack(biases)
    h = (torch.arange(2**H)[:, None] >> torch.arange(H) & 1).to(W.dtype)
    log_Z = torch.logsumexp(c @ h.T + softplus(h @ W + at["b_v"]).sum(dim=1), dim=1)
    return at["loss_weights"] @ (v @ at["b_v"] + softplus(Wv + c).sum(dim=1) - log_Z)


RECURRENCES: Mapping[str, tuple[Callable[..., Any], Step]] = MappingProxyType(
    {
        "char_rnn": (loss_of_char_rnn, step_of_char_rnn),
        "lstm": (loss_of_lstm, step_of_lstm),
        "gru": (loss_of_gru, step_of_gru),
        "rtrbm": (loss_of_rtrbm, step_of_rtrbm),
    }
)
"""Losses, and the steps that they are made of."""


def char_rnn_layer(at: Tensors) -> tuple[Callable[[], Any], list[Any]]:
    """Return the loss through ``torch.nn.RNN``, and what it is differentiated by."""
    torch = import_module("torch")
    one_hot = torch.nn.functional.one_hot(at["inputs"], len(at["by"])).to(at["by"].dtype)
    layer = filled(torch.nn.RNN, at["Wxh"], at["Whh"], at["bh"])
    own = [at[name].detach().requires_grad_() for name in ("Why", "by", "h0")]
    Why, by, h0 = own

    def loss() -> Any:
        h, _ = layer(one_hot, h0[None])
        y = h @ Why.T + by
        losses = torch.nn.functional.cross_entropy(y, at["targets"], reduction="none")
        return at["loss_weights"] @ losses

    return loss, [*layer.parameters(), *own]


def lstm_layer(at: Tensors) -> tuple[Callable[[], Any], list[Any]]:
    """Return the loss through ``torch.nn.LSTM``, and what it is differentiated by."""
    torch = import_module("torch")
    layer = filled(torch.nn.LSTM, at["Wx"].flatten(1).T, at["Wh"].flatten(1).T, at["b"].flatten())
    own = [at[name].detach().requires_grad_() for name in ("x", "h0", "c0")]
    x, h0, c0 = own

    def loss() -> Any:
        h, (_, c) = layer(x, (h0[None], c0[None]))
        return (at["G"] * h).sum() + (at["G_cT"] * c[0]).sum()

    return loss, [*layer.parameters(), *own]


def gru_layer(at: Tensors) -> tuple[Callable[[], Any], list[Any]]:
    """Return the loss through ``torch.nn.GRU``, and what it is differentiated by."""
    torch = import_module("torch")
    Wx, Wh = (torch.cat([at[f"{name}{gate}"] for gate in "rzn"], dim=1) for name in ("Wx", "Wh"))
    of_x = torch.cat([at["br"], at["bz"], at["bxn"]])
    of_h = torch.cat([torch.zeros_like(at["br"]), torch.zeros_like(at["bz"]), at["bhn"]])
    layer = filled(torch.nn.GRU, Wx.T, Wh.T, of_x, of_h)
    own = [at[name].detach().requires_grad_() for name in ("x", "h0")]
    x, h0 = own

    def loss() -> Any:
        h, _ = layer(x, h0[None])
        return (at["G"] * h).sum()

    return loss, [*layer.parameters(), *own]


def filled(kind: Any, of_x: Any, of_h: Any, bias: Any, second_bias: Any = None) -> Any:
    """Return a layer of torch's with these weights, (gates H, D) and (gates H, H), and biases."""
    torch = import_module("torch")
    layer = kind(of_x.shape[1], of_h.shape[1], dtype=of_x.dtype)
    given = [of_x, of_h, bias, torch.zeros_like(bias) if second_bias is None else second_bias]
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), given, strict=True):
            parameter.copy_(value)
    return layer


LAYERS: Mapping[str, Callable[[Tensors], tuple[Callable[[], Any], list[Any]]]] = MappingProxyType(
    {"char_rnn": char_rnn_layer, "lstm": lstm_layer, "gru": gru_layer}
)
"""Of the systems that torch has."""
