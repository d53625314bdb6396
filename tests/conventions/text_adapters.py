"""Adapters for code that reads text or bits: each takes somebody's module and a case.

Each is all that the author of the code would write, in ten lines at most.
"""

from typing import Any

from rnnverify.adapters import (
    Layout,
    from_attributes,
    from_update,
    named,
    of,
    one_hot,
    patched,
    unprefixed,
)
from rnnverify.records import Case


def min_char_rnn(code: Any, case: Case) -> dict[str, Any]:
    """Globals, columns, a tuple that begins with the loss and ends with the last state."""
    p = Layout(Wxh="Wxh", Whh="Whh", Why="Why", bh=of("bh").column, by=of("by").column).of(case)
    with patched(code, **p, vocab_size=case.dims["V"]):
        returned = code.loss_fun(case["inputs"], case["targets"], case["h0"][:, None])
    return p.gradients(named("loss Wxh Whh Why bh by _", returned))


def truncated_text(code: Any, case: Case) -> dict[str, Any]:
    """Attributes, a list, and a truncation that counts the steps besides its own."""
    V, H = case["Why"].shape
    net = code.Network(V, H, bptt_truncate=case.truncation.steps - 1 if case.truncation else 99)
    with patched(net, U=case["Wxh"], V=case["Why"], W=case["Whh"]):
        return named("Wxh Why Whh", net.bptt(case["inputs"], case["targets"]))


def sgd_text(code: Any, case: Case) -> dict[str, Any]:
    """A dict of transposed parameters, updated in place."""
    weights = Layout({"in": of("Wxh").T, "hidden": of("Whh").T, "out": of("Why").T})
    biases = Layout(hidden_bias="bh", out_bias="by")
    p = (weights | biases).of(case)
    x = one_hot("inputs").forward(case)
    grads = from_update(lambda rate: code.train_step(dict(p), x, case["targets"], rate), p)
    return p.gradients(grads)


def mean_loss(code: Any, case: Case) -> dict[str, Any]:
    """A tuple of transposed weights and of rows; one-hot matrices for inputs and targets."""
    weights = Layout(Wx=of("Wxh").T, Wh=of("Whh").T, Wy=of("Why").T)
    rows = Layout(bh=of("bh").row, by=of("by").row)
    p = (weights | rows).of(case)
    x, y = one_hot("inputs").forward(case), one_hot("targets").forward(case)
    _, grads = code.loss_and_grads(tuple(p.values()), x, y, case["h0"][None])
    return p.gradients(grads)


def many_to_one(code: Any, case: Case) -> dict[str, Any]:
    """Attributes which are columns, updated in place; one loss, at the last step."""
    columns = {"bh": of("bh").column, "by": of("by").column, "xs": one_hot("inputs").column}
    p = Layout(columns, Wxh="Wxh", Whh="Whh", Why="Why").of(case)
    net = code.RNN(case.dims["V"], case.dims["V"], case.dims["H"])
    weights = {name: p[name] for name in ("Wxh", "Whh", "Why", "bh", "by")}
    with patched(net, **weights):
        d_y = code.softmax_error(net.forward(p["xs"]), case["targets"][-1])
        return p.gradients(from_update(lambda rate: net.backprop(d_y, rate), weights))


def stateful(code: Any, case: Case) -> dict[str, Any]:
    """One object for good, its parameters, its state and its gradients being attributes."""
    given = {name: case[name].copy() for name in case.leaves if name != "h0"}
    with patched(code.net, **given, h=case["h0"]):
        code.net.step(case["inputs"], case["targets"])
        return from_attributes(code.net, "d{}", case.leaves)


def binary_addition(code: Any, case: Case) -> dict[str, Any]:
    """A list of parameters, updated in place by adding descents; the last bits are read first."""
    p = Layout(synapse_0="S0", synapse_1="S1", synapse_h="Sh").of(case)
    a, b = case["x"].T[:, ::-1]
    c = case["y"][::-1, 0]
    grads = from_update(lambda rate: code.train(list(p.values()), a, b, c, rate), p)
    return p.gradients(grads)


def adder_ascent(code: Any, case: Case) -> dict[str, Any]:
    """Globals, and a list of what is to be added to them."""
    with patched(code, W_in=case["S0"], W_rec=case["Sh"], W_out=case["S1"]):
        return named("S0 Sh S1", code.updates(case["x"], case["y"], case["l1_init"]))


def adder_output_only(code: Any, case: Case) -> dict[str, Any]:
    """Some of the gradients, in a dict whose names have a suffix."""
    net = code.Adder(case["S0"], case["Sh"], case["S1"])
    grads = net.grads(case["x"], case["y"], case["loss_weights"], case["l1_init"])
    return unprefixed(grads, suffix="_grad")
