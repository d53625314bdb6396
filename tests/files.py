"""What tests of saved cases share: a look into a file, and changes to what it holds."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import rnnverify
from rnnverify.records import Array, Case

OWN = rnnverify.System(
    name="own_cell",
    weights={"W": "H H"},
    inputs={"x": "T H", "loss_weights": rnnverify.loss_weights("T")},
    loss=lambda arrays: (arrays["loss_weights"] * (arrays["x"] @ arrays["W"]).sum(axis=1)).sum(),
)
"""A system that rnnverify does not know by name."""

CANDIDATES = """
import jax.numpy as jnp
import rnnverify
from rnnverify.models.char_rnn import gradients

def right(case):
    return dict(gradients(case))

def wrong(case):
    return right(case) | {"Whh": -right(case)["Whh"]}

def halves(case):
    return {name: right(case)[name] / 2 for name in ("Wxh", "Whh")}

def loud(case):
    print("what it likes")
    return wrong(case)

def raises(case):
    return helper(case)

def helper(case):
    raise ValueError("not today")

def nothing(case):
    return {}

calls = []

def adds_up(case):
    calls.append(right(case))
    return {name: sum(call[name] for call in calls) for name in calls[0]}

@rnnverify.gradient_test("char_rnn")
def test_right(case):
    return right(case)

@rnnverify.gradient_test("char_rnn")
def test_wrong(case):
    return wrong(case)

class TestMethods:
    @rnnverify.gradient_test("char_rnn")
    def test_wrong(self, case):
        return wrong(case)

CELL = rnnverify.System(
    name="my_cell",
    weights={"W": "H H"},
    inputs={"x": "T H", "loss_weights": rnnverify.loss_weights("T")},
    loss=lambda a: jnp.sum(a["loss_weights"] * jnp.sum(a["x"] @ a["W"], axis=1)),
)

def cell(case):
    rows = (case["loss_weights"][:, None] * case["x"]).sum(axis=0)
    return {"W": rows[:, None] * (0 * rows + 1)}

def bad_cell(case):
    return {"W": cell(case)["W"].T}
"""
"""Somebody's file: functions right and wrong, tests, and a system with a function of its own."""


def own_case() -> Case:
    """Return a case of it."""
    return OWN.case({"W": np.eye(2), "x": np.ones((3, 2)), "loss_weights": np.ones(3)})


def entries(path: Path) -> dict[str, Array]:
    """Return what is in a file, by the names that it has there."""
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def change(path: Path, arrays: dict[str, Any] | None = None, **about: Any) -> Path:
    """Change some of a file's arrays, and of what it says about them."""
    found = entries(path)
    said = json.loads(str(found["about"][()])) | about
    changed = {f"array/{name}": np.asarray(array) for name, array in (arrays or {}).items()}
    everything: dict[str, Any] = {**found, **changed, "about": np.array(json.dumps(said))}
    np.savez(path, **everything)
    return path
