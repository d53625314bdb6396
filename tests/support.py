"""What several tests share: small cases, planted bugs."""

import inspect
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from rnnverify.builtin import BINARY_ADDER, CHAR_RNN
from rnnverify.checker import check
from rnnverify.drawing import explore
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


def amplifying(gain: float) -> Case:
    """Return a case in float64 that amplifies rounding the more, the larger the gain is.

    At 80, no digit of some gradients is left.
    """
    plain = char_rnn_case(T=24)
    return plain.with_arrays({"Whh": plain["Whh"] * gain})


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


def is_found(
    candidate: Candidate,
    system: str,
    *,
    clip: str = "none",
    lengths: bool = False,
    truncate: Any = None,
) -> bool:
    """Whether a bug is found within 100 cases."""
    kinds = ("inaccurate", "scaled", "wrong", "nonfinite")
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
