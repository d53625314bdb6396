"""Wrong gradients planted in the models, and what is told of them where no known bug may be."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np

from rnnverify.axes import loss_weights
from rnnverify.builtin import find_system
from rnnverify.checker import check
from rnnverify.diagnosis import Background, Found, diagnose
from rnnverify.drawing import explore
from rnnverify.models import elman
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.strategies import cases
from rnnverify.systems import System
from rnnverify.terms import CONTRACT, Terms

SMALL = {
    "char_rnn": {"T": (1, 8), "V": (2, 8), "H": (2, 8)},
    "elman": {"T": (1, 6), "B": (1, 2), "D": (1, 4), "H": (1, 4)},
    "lstm": {"T": (1, 6), "B": (1, 2), "D": (1, 4), "H": (1, 4)},
}
"""Sizes of one compiled shape each."""
TELLING = {
    "char_rnn": {"T": 3, "V": 5, "H": 6},
    "elman": {"T": 3, "B": 1, "D": 4, "H": 4},
    "lstm": {"T": 3, "B": 1, "D": 4, "H": 4},
}
"""Sizes of the same shapes at which steps can be told apart."""


@cache
def drawn(
    system: str, *, clip: str = "none", number: int = 25, telling: bool = False
) -> tuple[Case, ...]:
    """Return some cases of a system."""
    found: list[Case] = []
    dims = (TELLING if telling else SMALL)[system]
    explore(cases(system, dims=dims), found.append, seed=0, cases=number)
    return tuple(case.replace(clip=Clip.parse(clip)) for case in found)


def told(
    candidate: Candidate, system: str, *, clip: str = "none", terms: Terms = CONTRACT
) -> Found:
    """Return what is told of the first failure in some cases, if the catalogue is not asked."""
    some = drawn(system, clip=clip)
    seen = [check(case, candidate, gradients=terms.gradients) for case in some]
    failed = next(verdict for verdict in seen if verdict.failed)
    probes = drawn(system, telling=True)
    background = Background(others=some, probes=probes, seen=seen)
    with without_catalogue():
        return diagnose(failed, candidate, terms, background)


@contextmanager
def without_catalogue() -> Iterator[None]:
    """Let diagnoses be made without any known bug."""
    with mock.patch("rnnverify.diagnosis.catalogue.CATALOGUE", {}):
        yield


def name_of(candidate: Candidate, system: str, *, clip: str = "none") -> str | None:
    """Return the name of what is told."""
    diagnosis = told(candidate, system, clip=clip).diagnosis
    return None if diagnosis is None else diagnosis.name


def instead(
    system: str | System, name: str, change: Callable[[Case, dict[str, Any]], Array]
) -> Candidate:
    """Return a model with another gradient of an array, made of a case and the right ones."""
    model = find_system(system).gradients

    def changed(case: Case) -> dict[str, Any]:
        returned = dict(model(case))
        returned[name] = change(case, returned)
        return returned

    return changed


def contributions(case: Case) -> Array:
    """Return elman's dWh, split by the step of the loss and the step of use (T T H H)."""
    h, steps = elman.forward(case), case.dims["T"]
    found = np.zeros((steps, steps, *case["Wh"].shape))
    for s in range(steps):
        dh = case["G"][s]
        for t in reversed(range(s + 1)):
            dz = (1 - h[t + 1] ** 2) * dh
            found[s, t] = h[t].T @ dz
            dh = dz @ case["Wh"].T
    return found


def step(weights: Any, h: Any, x: Any) -> tuple[Any, Any]:
    """Make one step of a network that learns its initial state."""
    h = jnp.tanh(weights["W"] @ h + x["x"])
    return h, jnp.sum(h**2)


LEARNT = System(
    name="learnt",
    weights={"W": "H H", "start": "H"},
    inputs={"x": "T H", "loss_weights": loss_weights("T")},
    init=lambda weights, _: jnp.sin(weights["start"]),
    step=step,
)
