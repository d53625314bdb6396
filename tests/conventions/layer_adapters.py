"""Adapters for layers: each takes somebody's module and a case.

Each is all that the author of the code would write, in ten lines at most.
"""

from functools import cache, partial
from typing import Any

import numpy as np

from rnnverify.adapters import (
    Layout,
    from_attributes,
    jax_candidate,
    named,
    of,
    pointer,
    stack,
    unprefixed,
    zeros_like,
)
from rnnverify.records import Case

compiled = cache(partial(jax_candidate, jit=True))


def layer_functions(code: Any, case: Case) -> dict[str, Any]:
    """Batch first, a tuple."""
    batch_first = Layout(x=of("x").swapped(0, 1), dh=of("G").swapped(0, 1))
    p = (batch_first | Layout(Wx="Wx", Wh="Wh", b="b", h0="h0")).of(case)
    _, cache = code.rnn_forward(p["x"], p["h0"], p["Wx"], p["Wh"], p["b"])
    return p.gradients(named("x h0 Wx Wh b", code.rnn_backward(p["dh"], cache)))


def one_matrix(code: Any, case: Case) -> dict[str, Any]:
    """One matrix whose first row is the bias."""
    p = Layout(W=stack(of("b").row, of("Wx"), of("Wh")), X="x", h0="h0", dH="G").of(case)
    return p.gradients(named("W X h0", code.backward(*p.values())))


def features_first(code: Any, case: Case) -> dict[str, Any]:
    """Axes the other way round, columns, a dict with a d before each name."""
    weights = Layout(Wax=of("Wx").T, Waa=of("Wh").T, ba=of("b").column)
    p = (weights | Layout(x=of("x").T, a0=of("h0").T, da=of("G").T)).of(case)
    grads = code.rnn_backward(p["da"], p["x"], p["a0"], {n: p[n] for n in weights.relayouts})
    return p.gradients(unprefixed(grads, "d"))


def two_biases(code: Any, case: Case) -> dict[str, Any]:
    """Weights in torch's layout; gradients in attributes with a suffix."""
    weights = Layout(weight_ih=of("Wx").T, weight_hh=of("Wh").T, bias_ih="b")
    p = (weights | Layout(bias_hh=zeros_like(of("b")))).of(case)
    layer = code.RNN(**p)
    layer.forward(case["x"], case["h0"])
    dx = layer.backward(case["G"])
    grads = p.gradients(from_attributes(layer, "{}_grad", list(p)))
    return grads | {"x": dx, "h0": layer.h0_grad}


def closures(code: Any, case: Case) -> dict[str, Any]:
    """A batch of one, its vectors columns, in lists."""
    weights = Layout(U=of("Wx").T, W=of("Wh").T, b=of("b").column)
    states = Layout(xs=of("x")[:, 0].column, h=of("h0")[0].column, dhs=of("G")[:, 0].column)
    p = (weights | states).of(case)
    grads, dxs, dh = code.run(p["xs"], p["h"], [p["U"], p["W"], p["b"]], p["dhs"])
    return p.gradients(named("U W b xs h", [*grads, dxs, dh]))


def flat_vector(code: Any, case: Case) -> dict[str, Any]:
    """All weights in one vector."""
    p = Layout(theta=stack(of("Wx").vector, of("Wh").vector, of("b"))).of(case)
    return p.gradients({"theta": code.cost_gradient(p["theta"], case["x"], case["G"])})


def elman_in_c(code: Any, case: Case) -> dict[str, Any]:
    """C: pointers, and arrays to write into; a batch of one is a sequence."""
    weights = [case[name] for name in ("Wx", "Wh", "b")]
    grads = [np.zeros_like(weight) for weight in weights]
    h = np.concatenate([case["h0"], np.zeros_like(case["G"][:, 0])])
    arrays = [case["x"], *weights, h, case["G"], *grads]
    T, D, H = (case.dims[axis] for axis in "TDH")
    code.elman_backward(T, D, H, *map(pointer, arrays))
    return named("Wx Wh b", grads)


def in_jax(code: Any, case: Case) -> dict[str, Any]:
    """JAX, with rules of its own, compiled once."""
    return dict(compiled(code.loss)(case))


def lstm_functions(code: Any, case: Case) -> dict[str, Any]:
    """Gates i, f, o, g side by side, batch first; no first cell."""
    weights = Layout({n: of(n).gates("ifog").flat for n in ("Wx", "Wh", "b")})
    others = Layout(x=of("x").swapped(0, 1), h0="h0", dh=of("G").swapped(0, 1))
    p = (weights | others).of(case)
    Wx, Wh, b, x, h0, dh = p.values()
    return p.gradients(named("x h0 Wx Wh b", code.lstm(x, h0, (Wx, Wh, b), dh)))


def lstm_bias_row(code: Any, case: Case) -> dict[str, Any]:
    """Gates i, f, o, g side by side on [1, x, h], a separate gradient of the last state."""
    b, Wx, Wh = (of(name).gates("ifog").flat for name in ("b", "Wx", "Wh"))
    p = Layout(X="x", W=stack(b.row, Wx, Wh), c0="c0", h0="h0").of(case)
    cache = code.forward(*p.values())
    grads = code.backward(case["G"], case["G_cT"], np.zeros_like(case["h0"]), cache)
    return p.gradients(named("X W c0 h0", grads))


def lstm_four_matrices(code: Any, case: Case) -> dict[str, Any]:
    """A matrix a gate on [h; x], features first, a dict with a d before each name."""
    Wh, Wx, b = of("Wh"), of("Wx"), of("b")
    W = {f"W{n}": stack(Wh.gate(g), Wx.gate(g)).T for n, g in zip("fico", "figo", strict=True)}
    bs = {f"b{n}": b.gate(g).column for n, g in zip("fico", "figo", strict=True)}
    p = Layout(W | bs).of(case)
    q = Layout(x=of("x").T, a0=of("h0").T, da=of("G").T).of(case)
    grads = unprefixed(code.backward(q["da"], code.forward(q["x"], q["a0"], dict(p)), dict(p)), "d")
    return q.gradients({"a0": grads.pop("a0")}) | p.gradients(grads)


def lstm_objects(code: Any, case: Case) -> dict[str, Any]:
    """A matrix a gate on [x, h]; attributes with a suffix; a batch of one."""
    Wx, Wh, b = of("Wx"), of("Wh"), of("b")
    w = {f"w{gate}": stack(Wx.gate(gate), Wh.gate(gate)).T for gate in "gifo"}
    p = Layout(w, **{f"b{gate}": b.gate(gate) for gate in "gifo"}).of(case)
    param = code.LstmParam(**p)
    code.train_on(param, case["x"][:, 0], case["G"][:, 0])
    return p.gradients(from_attributes(param, "{}_diff", list(p)))


def lstm_two_biases(code: Any, case: Case) -> dict[str, Any]:
    """Weights in torch's layout, and a list of gradients with a None in it."""
    Wx, Wh, b = (of(name).flat for name in ("Wx", "Wh", "b"))
    p = Layout(w_ih=Wx.T, w_hh=Wh.T, b_ih=b, b_hh=zeros_like(b)).of(case)
    state = case["h0"], case["c0"]
    grads = code.lstm_backward(case["x"], state, list(p.values()), case["G"], case["G_cT"])
    found = named("x h0 c0", grads[:3])
    return found | p.gradients(named("w_ih w_hh b_ih b_hh", grads[3:]))


def gru_other_z(code: Any, case: Case) -> dict[str, Any]:
    """The other meaning of z: its weights are negated."""
    z = Layout(Wz=-of("Wxz"), Uz=-of("Whz"), bz=-of("bz"))
    others = Layout(Wr="Wxr", Ur="Whr", br="br", Wh="Wxn", Uh="Whn", bh="bxn", ch="bhn")
    p = (z | others).of(case)
    grads = code.gru(dict(p), case["x"], case["h0"], case["G"])
    states = {"x": grads.pop("x"), "h0": grads.pop("h0")}
    return p.gradients(grads) | states


def gru_side_by_side(code: Any, case: Case) -> dict[str, Any]:
    """Gates z, r, n side by side, biases in two rows, batch first."""
    none, (Wx, Wh) = zeros_like(of("br")), ([of(f"{W}{g}") for g in "zrn"] for W in ("Wx", "Wh"))
    into, recurrent = stack(of("bz"), of("br"), of("bxn")), stack(none, none, of("bhn"))
    kernels = Layout(kernel=stack(*Wx, axis=1), recurrent=stack(*Wh, axis=1))
    p = (kernels | Layout(bias=stack(into.row, recurrent.row))).of(case)
    q = Layout(x=of("x").swapped(0, 1), h0="h0", G=of("G").swapped(0, 1)).of(case)
    grads, dx, dh0 = code.backward(tuple(p.values()), *q.values())
    return p.gradients(named(list(p), grads)) | q.gradients({"x": dx, "h0": dh0})


def gru_columns(code: Any, case: Case) -> dict[str, Any]:
    """Gates below each other, columns, a tuple that begins with None."""
    W, U = (stack(*(of(f"{W}{g}") for g in "rzn"), axis=1).T for W in ("Wx", "Wh"))
    b, none = stack(of("br"), of("bz"), of("bxn")), zeros_like(of("br"))
    p = Layout(W=W, U=U, b=b.column, c=stack(none, none, of("bhn")).column).of(case)
    q = Layout({name: of(name).swapped(-1, -2) for name in ("x", "h0", "G")}).of(case)
    _, dh, *grads = code.through_time(list(p.values()), *q.values())
    return p.gradients(named("W U b c", grads)) | q.gradients({"h0": dh})


def gru_two_biases(code: Any, case: Case) -> dict[str, Any]:
    """A dict of torch's parameters."""
    W, U = (stack(*(of(f"{W}{g}") for g in "rzn"), axis=1).T for W in ("Wx", "Wh"))
    none = zeros_like(of("br"))
    b, c = stack(of("br"), of("bz"), of("bxn")), stack(none, none, of("bhn"))
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    layout = Layout({f"rnn.{n}_l0": a for n, a in zip(names, (W, U, b, c), strict=True)})
    p = layout.of(case)
    return p.gradients(code.grads(dict(p), case["x"], case["h0"], case["G"]))
