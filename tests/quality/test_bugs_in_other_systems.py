"""Bugs planted in the systems of the papers, and in truncation: each is found within 100 cases."""

import pytest

from rnnverify.models import char_rnn_truncated, elman_truncated, rtrbm, rtrbm_cd, werbos
from tests.support import edited, is_found

RTRBM = {
    "adjoint dropped": ("g[t] = own[t] + a[t]", "g[t] = own[t]"),
    "U not transposed": ("D = U.T @ g[t]", "D = U @ g[t]"),
    "slope left out": ("slope = r * (1 - r)", "slope = np.ones_like(r)"),
    "r[t] for r[t-1]": ("g[1:].T @ r[:-1]", "g[1:].T @ r[1:]"),
    "the first frame counted in b_h": ('"b_h": g[1:].sum', '"b_h": g.sum'),
    "b_init of all frames": ('"b_init": g[0]', '"b_init": g.sum(axis=0)'),
    "mean field for E[h v]": (
        '(w * r + a).T @ v - model["w hv"]',
        '(w * r + a).T @ v - (w * model["h"]).T @ model["v"]',
    ),
    "the visible bias left out of Z": ('z = h @ W + case["b_v"]', "z = h @ W"),
    "direct term of the last frame left out": (
        "(w * r + a).T @ v -",
        "((w * (np.arange(len(w)) < len(w) - 1)[:, None]) * r + a).T @ v -",
    ),
    "an epsilon in Z": ("p /= total", "p /= total + 1e-9"),
}
RTRBM_CD = {
    "data for the sample": (
        "(w * r + a).T @ v - (w * h).T @ negatives",
        "(w * r + a).T @ v - (w * h).T @ v",
    ),
    "hidden means of the data": ("h = sigmoid(negatives @", "h = sigmoid(v @"),
    "sign": ("(w * (v - negatives)).sum", "(w * (negatives - v)).sum"),
    "bias of the next frame": (
        'sigmoid(negatives @ case["W"].T + c)',
        'sigmoid(negatives @ case["W"].T + np.roll(c, -1, 0))',
    ),
    "no carry": ("(w * r + a).T @ v", "(w * r).T @ v"),
    "loss weights forgotten in b_v": ("(w * (v - negatives)).sum", "(v - negatives).sum"),
    "r[t] for r[t-1]": ("g[1:].T @ r[:-1]", "g[1:].T @ r[1:]"),
    "mean over frames": ('"b_h": g[1:].sum(axis=0)', '"b_h": g[1:].sum(axis=0) / len(g)'),
}
WERBOS = {
    "lag 2 left out": (" + F_net[t + 2] @ W2", ""),
    "lag 1 left out": ("F_net[t + 1] @ W1 + ", ""),
    "lags exchanged": (
        "F_net[t + 1] @ W1 + F_net[t + 2] @ W2",
        "F_net[t + 1] @ W2 + F_net[t + 2] @ W1",
    ),
    "units in the wrong order": ("for i in reversed(range(units)):", "for i in range(units):"),
    "W1 from t = 1": ("F_net[:T].T @ x[1:-1]", "F_net[1:T].T @ x[2:-1]"),
    "W2 from t = 0": ("F_net[:T].T @ x[:-2]", "F_net[1:T].T @ x[1:-2]"),
    "upper triangle kept": ("np.tril(F_net[:T].T @ x[2:], -1)", "F_net[:T].T @ x[2:]"),
    "diagonal kept": ("np.tril(F_net[:T].T @ x[2:], -1)", "np.tril(F_net[:T].T @ x[2:])"),
    "errors of inputs counted": ("if i >= m else 0", "if i >= 0 else 0"),
    "x(-1) through W'": ('"x_1": F_net[0] @ W2', '"x_1": F_net[0] @ W1'),
    "x(0) without lag 2": ('"x0": F_net[0] @ W1 + F_net[1] @ W2', '"x0": F_net[0] @ W1'),
    "slope of the old units": ("x[2:] * (1 - x[2:])", "x[1:-1] * (1 - x[1:-1])"),
}
PAPERS = {"rtrbm": rtrbm, "rtrbm_cd": rtrbm_cd, "werbos": werbos}
CHANGES = {"rtrbm": RTRBM, "rtrbm_cd": RTRBM_CD, "werbos": WERBOS}


@pytest.mark.parametrize(("system", "name"), [(s, name) for s in CHANGES for name in CHANGES[s]])
def test_a_bug_is_found(system: str, name: str) -> None:
    """Each planted bug is found within 100 cases."""
    assert is_found(edited(PAPERS[system], CHANGES[system][name]), system)


SLIDING = {
    "one step too few": ("min(k, len(total))", "max(1, min(k - 1, len(total)))"),
    "one step too many": ("min(k, len(total))", "min(k + 1, len(total))"),
    "nothing dropped": ("min(k, len(total))", "len(total)"),
    "dh0 of the youngest only": ("dhnext.sum(axis=0)", "dhnext[0]"),
    "dh0 of the oldest only": ("dhnext.sum(axis=0)", "dhnext[-1]"),
}
CHUNKED = {
    "cut a step late": ("t % k == 0", "t % k == 1 % k"),
    "never cut": ("t > 0 and t % k == 0", "False"),
    "dh0 cut too": ("t > 0 and t % k == 0", "t % k == 0"),
}
MODULES = {"char_rnn": char_rnn_truncated, "elman": elman_truncated}


@pytest.mark.parametrize("name", SLIDING)
@pytest.mark.parametrize("system", MODULES)
def test_a_wrong_truncation_is_found(system: str, name: str) -> None:
    """A window that is off by one, or loses the initial state, is found within 100 cases."""
    before, after = SLIDING[name]
    if system == "elman":
        before, after = before.replace("total", "G"), after.replace("total", "G")
    candidate = edited(MODULES[system], (before, after))

    assert is_found(candidate, system, truncate=3)


@pytest.mark.parametrize("name", CHUNKED)
@pytest.mark.parametrize("system", MODULES)
def test_wrong_chunks_are_found(system: str, name: str) -> None:
    """Chunks that are off by one, or none at all, are found within 100 cases."""
    candidate = edited(MODULES[system], CHUNKED[name])

    assert is_found(candidate, system, truncate="chunks:3")
