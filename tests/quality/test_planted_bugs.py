"""Planted bugs: each is found within 100 cases, and the code without it is not accused."""

from collections.abc import Callable

import numpy as np
import pytest

import rnnverify
from rnnverify.clipping import clip_by_global_norm, clip_by_norm, clip_gradients
from rnnverify.models import binary_adder, char_rnn
from rnnverify.records import Array, Candidate, Case, Clip
from tests.support import edited, is_found, mended


def char(*changes: tuple[str, str]) -> Candidate:
    """Return char_rnn with lines changed."""
    return edited(char_rnn, *changes)


def adder(*changes: tuple[str, str]) -> Candidate:
    """Return binary_adder with lines changed."""
    return edited(binary_adder, *changes)


CHAR_BUGS = {
    "carry dropped": char(("(dh[t] + dhnext)", "dh[t]")),
    "output dropped": char(("dh = dy @ case", "dh = 0 * dy @ case")),
    "recurrence not transposed": char(("dhraw[t] @ Whh", "dhraw[t] @ Whh.T")),
    "dWhh transposed": char(("dhraw.T @ h[:-1]", "(dhraw.T @ h[:-1]).T")),
    "h[t] for h[t-1]": char(("dhraw.T @ h[:-1]", "dhraw.T @ h[1:]")),
    "h[-1] wraps at the first step": char(
        ("dhraw.T @ h[:-1]", "dhraw.T @ np.vstack([h[-1:], h[1:-1]])")
    ),
    "slope of the old state": char(("1 - h[1:] ** 2", "1 - h[:-1] ** 2")),
    "slope forgotten": char(("1 - h[1:] ** 2", "1 + 0 * h[1:]")),
    "loop one short": char(("reversed(range(len(inputs)))", "reversed(range(1, len(inputs)))")),
    "repeated tokens overwritten": char(
        ("np.add.at(dWxh.T, inputs, dhraw)", "dWxh.T[inputs] = dhraw")
    ),
    "input for target": char(("dy[steps, targets] -= 1", 'dy[steps, case["inputs"]] -= 1')),
    "loss weights forgotten": char(("dy *= w[:, None]", "")),
    "mean for sum": char(("dy *= w[:, None]", "dy *= w[:, None] / len(w)")),
    "bias of the last step only": char(("dhraw.sum(axis=0)", "dhraw[-1]")),
    "dh0 before the recurrence": char(('"h0": dhnext', '"h0": dhraw[0]')),
    "sign": mended(char_rnn.gradients, "by", np.negative),
    "epsilon in the softmax": char(("dy = p / total", "dy = p / (total + 1e-8)")),
    "only wrong for T = 1": char(
        ("dhnext = np.zeros_like(h[0])", "dhnext = h[0] * (len(dh) == 1)")
    ),
    "only wrong where V is not H": char(
        ("dh = dy @ case", "dh = (1 + 1e-5 * (dy.shape[1] != h.shape[1])) * dy @ case")
    ),
    "only wrong where a unit saturates": char(
        ("slope = 1 - h[1:] ** 2", "slope = np.maximum(1 - h[1:] ** 2, 1e-4)")
    ),
    "a relative error of 1e-12 in one term of dWhh": char(
        ("dhraw.T @ h[:-1]", "dhraw.T @ h[:-1] + 1e-12 * np.outer(dhraw[0], h[0])")
    ),
    "one product in float32": char(
        ("dhraw.T @ h[:-1]", "dhraw.T.astype(np.float32) @ h[:-1].astype(np.float32)")
    ),
    "one step's product in float32": char(
        ("dhnext = dhraw[t] @ Whh", "dhnext = dhraw[t].astype(np.float32) @ Whh")
    ),
}
ADDER_BUGS = {
    "carry dropped": adder(("(from_future + from_output[t])", "from_output[t]")),
    "recurrence not transposed": adder(("l1_delta[t] @ Sh.T", "l1_delta[t] @ Sh")),
    "slope of the old state": adder(("l1[1:] * (1 - l1[1:])", "l1[:-1] * (1 - l1[:-1])")),
    "slope of the output forgotten": adder(("(l2 - y) * l2 * (1 - l2)", "(l2 - y)")),
    "dSh of the new state": adder(("l1[:-1].T @ l1_delta", "l1[1:].T @ l1_delta")),
    "ascent": adder(("w[:, None] * (l2 - y)", "w[:, None] * (y - l2)")),
    "factor two": adder(("w[:, None] * (l2 - y)", "2 * w[:, None] * (l2 - y)")),
    "a relative error of 1e-12": adder(("x.T @ l1_delta", "x.T @ l1_delta * (1 + 1e-12)")),
}


@pytest.mark.parametrize("name", CHAR_BUGS)
def test_a_bug_in_char_rnn_is_found(name: str) -> None:
    """Each planted bug is found within 100 cases."""
    assert is_found(CHAR_BUGS[name], "char_rnn")


@pytest.mark.parametrize("name", ADDER_BUGS)
def test_a_bug_in_binary_adder_is_found(name: str) -> None:
    """Each planted bug is found within 100 cases."""
    assert is_found(ADDER_BUGS[name], "binary_adder")


def clipped(clip: Callable[[dict[str, Array], float], dict[str, Array]]) -> Candidate:
    """Return char_rnn with a clip of one's own."""

    def gradients(case: Case) -> dict[str, Array]:
        raw = char_rnn.gradients(case.replace(clip=Clip()))
        weights = {name: raw[name] for name in char_rnn.WEIGHTS}
        assert case.clip.threshold is not None
        return raw | clip(weights, case.clip.threshold)

    return gradients


def all_but_one(gradients: dict[str, Array], threshold: float) -> dict[str, Array]:
    """Clip by value, but for bh."""
    clip = clip_gradients(gradients, Clip("value", threshold))
    return clip | {"bh": gradients["bh"]}


def norm_without_one(gradients: dict[str, Array], threshold: float) -> dict[str, Array]:
    """Clip by a global norm that leaves by out."""
    return clip_by_global_norm({n: g for n, g in gradients.items() if n != "by"}, threshold)


def norm_with_epsilon(gradients: dict[str, Array], threshold: float) -> dict[str, Array]:
    """Clip by global norm with an epsilon in the denominator."""
    length = np.sqrt(sum(np.sum(g**2) for g in gradients.values())) + 1e-6
    return {n: g * min(1.0, threshold / length) for n, g in gradients.items()}


CLIP_BUGS = {
    "value: no clip": ("value", clipped(lambda g, _: g)),
    "value: one gradient forgotten": ("value", clipped(all_but_one)),
    "value: above only": (
        "value",
        clipped(lambda g, c: {n: np.minimum(a, c) for n, a in g.items()}),
    ),
    "value:5 without a clip": ("value:5", clipped(lambda g, _: g)),
    "norm: global for local": ("norm", clipped(clip_by_global_norm)),
    "global-norm: local for global": ("global-norm", clipped(clip_by_norm)),
    "global-norm: one gradient left out": ("global-norm", clipped(norm_without_one)),
    "global-norm: an epsilon": ("global-norm:0.01", clipped(norm_with_epsilon)),
}


@pytest.mark.parametrize("name", CLIP_BUGS)
def test_a_bug_in_a_clip_is_found(name: str) -> None:
    """Each planted bug in clipping is found within 100 cases."""
    clip, candidate = CLIP_BUGS[name]

    assert is_found(candidate, "char_rnn", clip=clip)


def test_the_bugs_are_planted_in_working_code() -> None:
    """Unedited, the source that bugs are planted in matches."""
    assert rnnverify.verify(char(), "char_rnn", cases=30).ok
    assert rnnverify.verify(adder(), "binary_adder", cases=30).ok
