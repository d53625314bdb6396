"""What several tests share: small cases, a second implementation of each model, planted bugs."""

import inspect
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from rnnverify.builtin import BINARY_ADDER, CHAR_RNN
from rnnverify.checker import check
from rnnverify.clipping import clip_gradients
from rnnverify.drawing import explore
from rnnverify.models import binary_adder, char_rnn
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.strategies import cases


def char_rnn_case(
    *, T: int = 5, V: int = 4, H: int = 3, seed: int = 0, dtype: str = "float64", **arrays: Any
) -> Case:
    """Return a well-conditioned case of char_rnn whose inputs and targets differ."""
    random = np.random.default_rng(seed)
    normal = random.standard_normal
    drawn = {
        "Wxh": normal((H, V)),
        "Whh": normal((H, H)) / np.sqrt(H),
        "Why": normal((V, H)),
        "bh": normal(H),
        "by": normal(V),
        "h0": normal(H),
        "inputs": random.integers(0, V, T),
        "targets": random.integers(0, V, T),
        "loss_weights": np.ones(T),
    }
    return CHAR_RNN.case(drawn | arrays, dtype=dtype)


def binary_adder_case(
    *, T: int = 5, H: int = 3, K: int = 1, seed: int = 0, dtype: str = "float64", **arrays: Any
) -> Case:
    """Return a well-conditioned case of binary_adder."""
    random = np.random.default_rng(seed)
    drawn = {
        "S0": random.standard_normal((2, H)),
        "Sh": random.standard_normal((H, H)),
        "S1": random.standard_normal((H, K)),
        "l1_init": random.random(H),
        "x": random.integers(0, 2, (T, 2)).astype(float),
        "y": random.integers(0, 2, (T, K)).astype(float),
        "loss_weights": np.ones(T),
    }
    return BINARY_ADDER.case(drawn | arrays, dtype=dtype)


def char_rnn_loops(case: Case) -> dict[str, Array]:
    """Compute char_rnn's gradients as the source does: step by step, by outer products.

    It differs from the model wherever correct code may: the order of sums, ``(1-h)(1+h)`` for
    ``1-h²``, when the loss weights come in, how the softmax is formed.
    """
    Wxh, Whh, Why = case["Wxh"], case["Whh"], case["Why"]
    inputs, targets, w = case["inputs"], case["targets"], case["loss_weights"]
    T, V = len(inputs), len(case["by"])
    x = np.eye(V, dtype=case.dtype)[inputs]
    h, p = {-1: case["h0"].copy()}, {}
    for t in range(T):
        h[t] = np.tanh(case["bh"] + Whh @ h[t - 1] + Wxh @ x[t])
        y = case["by"] + Why @ h[t]
        e = np.exp(y - y.max())
        p[t] = e / e.sum()
    g = {name: np.zeros_like(case[name]) for name in char_rnn.WEIGHTS}
    dhnext = np.zeros_like(case["h0"])
    for t in reversed(range(T)):
        dy = p[t].copy()
        dy[targets[t]] -= 1
        g["Why"] += w[t] * np.outer(dy, h[t])
        g["by"] += w[t] * dy
        dhraw = (1 - h[t]) * (1 + h[t]) * (dhnext + w[t] * (Why.T @ dy))
        g["bh"] += dhraw
        g["Wxh"] += np.outer(dhraw, x[t])
        g["Whh"] += np.outer(dhraw, h[t - 1])
        dhnext = Whh.T @ dhraw
    return clip_gradients(g, case.clip) | {"h0": dhnext}


def binary_adder_loops(case: Case) -> dict[str, Array]:
    """Compute binary_adder's gradients as the source does, backwards by position."""
    S0, Sh, S1 = case["S0"], case["Sh"], case["S1"]
    x, y, w = case["x"], case["y"], case["loss_weights"]
    layer_1, layer_2_deltas = [case["l1_init"].copy()], []
    for t in range(len(x)):
        layer_1.append(_sigmoid(layer_1[-1] @ Sh + x[t] @ S0))
        layer_2 = _sigmoid(layer_1[-1] @ S1)
        layer_2_deltas.append((layer_2 - y[t]) * w[t] * (layer_2 * (1 - layer_2)))
    g = {name: np.zeros_like(case[name]) for name in binary_adder.WEIGHTS}
    future = np.zeros_like(case["l1_init"])
    for position in range(1, len(x) + 1):
        now, before = layer_1[-position], layer_1[-position - 1]
        delta = (future @ Sh.T + layer_2_deltas[-position] @ S1.T) * (now * (1 - now))
        g["S1"] += np.outer(now, layer_2_deltas[-position])
        g["Sh"] += np.outer(before, delta)
        g["S0"] += np.outer(x[-position], delta)
        future = delta
    return clip_gradients(g, case.clip) | {"l1_init": future @ Sh.T}


def _sigmoid(z: Array) -> Array:
    """σ(z) by tanh for small arguments, by exp elsewhere, where tanh loses what is small."""
    with np.errstate(over="ignore"):
        return np.where(np.abs(z) < 1, 0.5 + 0.5 * np.tanh(0.5 * z), 1 / (1 + np.exp(-z)))


def is_found(
    candidate: Candidate,
    system: str,
    *,
    clip: str = "none",
    lengths: bool = False,
    truncate: Any = None,
) -> bool:
    """Whether a bug is found within 100 cases."""
    kinds = ("inaccurate", "wrong", "nonfinite")
    drawn = (case.replace(clip=Clip.parse(clip)) for case in hundred(system, lengths, truncate))
    return any(check(case, candidate).kind in kinds for case in drawn)


@cache
def hundred(system: str, lengths: bool, truncate: Any) -> list[Case]:  # noqa: FBT001
    """Return the first hundred cases of a run."""
    found: list[Case] = []
    strategy = cases(system, lengths=lengths, truncate=truncate)
    explore(strategy, found.append, seed=0, cases=100)
    return found


def edited(module: ModuleType, *changes: tuple[str, str]) -> Candidate:
    """Return a model in whose source some lines are changed; each must occur just once."""
    source = inspect.getsource(module)
    for before, after in changes:
        assert source.count(before) == 1, f"{before!r} occurs {source.count(before)} times"
        source = source.replace(before, after)
    scope: dict[str, Any] = {"__name__": "edited"}
    exec(compile(source, "edited", "exec"), scope)  # noqa: S102 - a mutant of our own model
    candidate: Candidate = scope["gradients"]
    return candidate


def mended(candidate: Candidate, name: str, change: Callable[[Array], Array]) -> Candidate:
    """Return a candidate that changes one of another's gradients."""

    def changed(case: Case) -> dict[str, Any]:
        returned = dict(candidate(case))
        returned[name] = change(np.array(returned[name]))
        return returned

    return changed
