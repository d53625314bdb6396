"""Bugs planted in the layers: each is found within 100 cases."""

import inspect

import pytest

from rnnverify.models import batches, elman, elman_relu, gru, gru_reset_before, lstm
from rnnverify.records import Candidate
from tests.support import edited, is_found

ELMAN = {
    "carry dropped": ("(G[t] + dhnext)", "G[t]"),
    "recurrence not transposed": ("dz[t] @ Wh.T", "dz[t] @ Wh"),
    "dWh transposed": (
        '"Wh": h[:-1].reshape(len(rows), -1).T @ rows',
        '"Wh": (h[:-1].reshape(len(rows), -1).T @ rows).T',
    ),
    "h[t] for h[t-1]": ('"Wh": h[:-1]', '"Wh": h[1:]'),
    "h[-1] wraps at the first step": ('"Wh": h[:-1]', '"Wh": np.roll(h[1:], 1, axis=0)'),
    "slope of the old state": ("1 - h[1:] ** 2", "1 - h[:-1] ** 2"),
    "last step only": (
        "h[:-1].reshape(len(rows), -1).T @ rows",
        "h[-2].T @ dz[-1]",
    ),
    "first batch row only": ('"b": rows.sum(axis=0)', '"b": dz[:, 0].sum(axis=0)'),
    "mean over the batch": ('"b": rows.sum(axis=0)', '"b": rows.sum(axis=0) / dz.shape[1]'),
    "truncated after four steps": (
        "dhnext = dz[t] @ Wh.T",
        "dhnext = dz[t] @ Wh.T * (t % 4 > 0 or t == 0)",
    ),
    "dh0 of the last step": ('"h0": dhnext', '"h0": dz[-1] @ Wh.T'),
    "dx through the wrong weights": ("per_step(dz, Wx.T)", "per_step(dz * h[1:], Wx.T)"),
    "a relative error of 1e-12": ('"b": rows.sum(axis=0)', '"b": rows.sum(axis=0) * (1 + 1e-12)'),
}
ELMAN_RELU = {
    "slope of the state before": ("on = h[1:] > 0", "on = h[:-1] > 0"),
    "slope left out": ("on = h[1:] > 0", "on = h[1:] > -1"),
    "slope of the upstream gradient": ("on[t] * (G[t] + dhnext)", "on[t] * G[t] + dhnext"),
    "carry dropped": ("(G[t] + dhnext)", "G[t]"),
    "recurrence not transposed": ("dz[t] @ Wh.T", "dz[t] @ Wh"),
    "gradients below zero lost": (
        "on[t] * (G[t] + dhnext)",
        "on[t] * np.maximum(G[t] + dhnext, 0)",
    ),
    "leaky": ("on = h[1:] > 0", "on = np.where(h[1:] > 0, 1, 1e-3)"),
    "h[t] for h[t-1]": ('"Wh": h[:-1]', '"Wh": h[1:]'),
}
LSTM = {
    "cell carry dropped": ("G_c[t] + dcnext + dh", "G_c[t] + dh"),
    "hidden carry dropped": ("dh = G[t] + dhnext", "dh = G[t]"),
    "cotangent of the last cell forgotten": ("G_c[t] + dcnext", "dcnext"),
    "cell gradient without tanh'": ("o * (1 - tanh_c**2)", "o"),
    "tanh' of h for that of c": ("tanh_c = np.tanh(c[1:])", "tanh_c = h[1:]"),
    "gates f and i exchanged": ("i, f, g, o = np.moveaxis", "f, i, g, o = np.moveaxis"),
    "new cell for the old one": ("c[:-1] * f * (1 - f)", "c[1:] * f * (1 - f)"),
    "tanh' of g as if g were not yet tanh": ("i * (1 - g**2)", "i * (1 - np.tanh(g) ** 2)"),
    "recurrence not transposed": (
        "dz[t].reshape(B, -1) @ Wh.T",
        "dz[t].reshape(B, -1) @ case['Wh'].transpose(2, 1, 0).reshape(H, -1).T",
    ),
    "dc0 without the forget gate": ('"c0": dcnext', '"c0": dc'),
    "bias of one row": ('"b": rows.sum(axis=0)', '"b": dz[:, 0].sum(axis=0)'),
    "h[t] for h[t-1]": ("(h[:-1].reshape(T * B, H).T", "(h[1:].reshape(T * B, H).T"),
}
GRU = {
    "direct carry dropped": ("dhnext = dh * z[t] + np", "dhnext = np"),
    "z for 1 - z": ("(1 - z) * (1 - n**2)", "z * (1 - n**2)"),
    "sign of the update gate": ("(h[:-1] - n) * z", "(n - h[:-1]) * z"),
    "new state for the old one": ("(h[:-1] - n)", "(h[1:] - n)"),
    "reset gate left out backwards": ("dq[t] = da_n * r[t]", "dq[t] = da_n"),
    "dbhn like dbxn": ('"bhn": q_rows.sum(axis=0)', '"bhn": dbxn.copy()'),
    "dWhn of the gated state": (
        '"Whn": of_h.T @ q_rows',
        '"Whn": (r * h[:-1]).reshape(T * B, H).T @ rows[:, 2 * H :]',
    ),
    "recurrent bias left out": ("slope_r = q * r", 'slope_r = (q - case["bhn"]) * r'),
    "gates r and z exchanged": ("dbr, dbz, dbxn = np", "dbz, dbr, dbxn = np"),
    "dx without the new state's part": (
        '"x": per_step(da, Wx.T)',
        '"x": per_step(da[..., : 2 * H], Wx[:, : 2 * H].T)',
    ),
}
GRU_RESET_BEFORE = {
    "carry through the reset gate dropped": (" + drh * r[t]", ""),
    "direct carry dropped": ("dhnext = dh * z[t] + drh", "dhnext = drh"),
    "reset gate after the product": ("slope_r = h[:-1] * r", "slope_r = (h[:-1] @ Whn) * r"),
    "dWhn of the ungated state": ("(x, h[:-1], r * h[:-1])", "(x, h[:-1], h[:-1])"),
    "Whn not transposed": ("drh = da_n @ Whn.T", "drh = da_n @ Whn"),
    "sign of the update gate": ("(h[:-1] - n) * z", "(n - h[:-1]) * z"),
    "sigmoid' left out": ("slope_r = h[:-1] * r * (1 - r)", "slope_r = h[:-1]"),
    "dh0 before the recurrence": ('"h0": dhnext', '"h0": dh'),
    "new state for the old one": ("slope_r = h[:-1] * r", "slope_r = h[1:] * r"),
}


def in_batches(change: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the changes that put an edited copy of what the layers share into one of them."""
    source = inspect.getsource(batches)
    before, after = change
    assert source.count(before) == 1
    return [("\nWEIGHTS =", f"\n{source.replace(before, after)}\nWEIGHTS =")]


MODULES = {
    "elman": elman,
    "elman_relu": elman_relu,
    "lstm": lstm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
}
CHANGES = {
    "elman": ELMAN,
    "elman_relu": ELMAN_RELU,
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": GRU_RESET_BEFORE,
}


@pytest.mark.parametrize(("system", "name"), [(s, name) for s in CHANGES for name in CHANGES[s]])
def test_a_bug_in_a_layer_is_found(system: str, name: str) -> None:
    """Each planted bug is found within 100 cases."""
    assert is_found(edited(MODULES[system], CHANGES[system][name]), system)


IGNORED = ("G = upstream(case)", 'G = case["G"]')
TOO_LONG = ('< case["lengths"]', '<= case["lengths"]')
LEAKS: dict[str, tuple[str, Candidate]] = {
    "elman: lengths ignored": ("elman", edited(elman, IGNORED)),
    "gru: lengths ignored": ("gru", edited(gru, IGNORED)),
    "gru_reset_before: lengths ignored": ("gru_reset_before", edited(gru_reset_before, IGNORED)),
    "elman_relu: a step too long": ("elman_relu", edited(elman_relu, *in_batches(TOO_LONG))),
    "lstm: a step too long": ("lstm", edited(lstm, *in_batches(TOO_LONG))),
    "lstm: the cell after the padding": (
        "lstm",
        edited(lstm, *in_batches(('last = case["lengths"] - 1 if', "last = steps - 1 if"))),
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_padding_that_leaks_is_found(name: str) -> None:
    """What comes after a sequence's end, and counts all the same, is found within 100 cases."""
    system, candidate = LEAKS[name]

    assert is_found(candidate, system, lengths=True)
    spliced = edited(MODULES[system], *in_batches(("def upstream", "def upstream")))
    assert not is_found(spliced, system, lengths=True)
    assert not is_found(edited(MODULES[system]), system, lengths=True)
