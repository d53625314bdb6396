"""Systems of somebody's own: a loss or a step in JAX, and all else as for the built-in ones."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnverify
from rnnverify import Case, RoundingRuleWarning, System, UsageError
from rnnverify.drawing import explore
from rnnverify.programs import unknown_primitives
from rnnverify.shapes import combinations

pytestmark = pytest.mark.xdist_group("own systems")  # their references are compiled only once

SIZES = {"T": (1, 4), "D": (1, 3), "H": (1, 3)}
ARRAYS: dict[str, Any] = {
    "weights": {"W": "H H", "U": "H D"},
    "state": {"h0": "H"},
    "inputs": {
        "x": "T D",
        "y": rnnverify.probabilities("T H"),
        "loss_weights": rnnverify.loss_weights("T"),
    },
}


def step(weights: Any, h: jax.Array, x: Any) -> tuple[jax.Array, jax.Array]:
    h = jnp.tanh(weights["W"] @ h + weights["U"] @ x["x"])
    return h, jnp.sum((h - x["y"]) ** 2)


def loss(p: Mapping[str, jax.Array]) -> jax.Array:
    h, total = p["h0"], jnp.zeros(())
    for x, y, w in zip(p["x"], p["y"], p["loss_weights"], strict=True):
        h, loss_t = step(p, h, {"x": x, "y": y})
        total = total + w * loss_t
    return total


STEP = System(name="by step", init=lambda _, state: state["h0"], step=step, sizes=SIZES, **ARRAYS)
LOSS = System(name="by loss", loss=loss, sizes=SIZES, **ARRAYS)


def backward(case: Case, *, transposed: bool = False) -> dict[str, Any]:
    """Return the gradients of both systems, with a transpose missing if asked to."""
    W, U, x, w = case["W"], case["U"], case["x"], case["loss_weights"]
    h = [case["h0"]]
    for x_t in x:
        h.append(np.tanh(W @ h[-1] + U @ x_t))
    grads = {name: np.zeros_like(case[name]) for name in ("W", "U", "x")}
    dh = np.zeros_like(case["h0"])
    for t in reversed(range(len(x))):
        da = (1 - h[t + 1] ** 2) * (dh + 2 * w[t] * (h[t + 1] - case["y"][t]))
        grads["W"] += np.outer(da, h[t])
        grads["U"] += np.outer(da, x[t])
        grads["x"][t] = U.T @ da
        dh = (W if transposed else W.T) @ da
    grads["h0"] = dh
    return {name: clipped(g, case) if name in "WU" else g for name, g in grads.items()}


def clipped(gradient: Any, case: Case) -> Any:
    """Return a gradient clipped by value, if the case asks for that."""
    threshold = case.clip.threshold
    return gradient if threshold is None else np.clip(gradient, -threshold, threshold)


@pytest.mark.parametrize("clip", ["none", "value"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("system", [STEP, LOSS], ids=["step", "loss"])
def test_right_code_matches(system: System, dtype: str, clip: str) -> None:
    """In both dtypes, with and without a clip, every gradient is compared."""
    report = rnnverify.verify(backward, system, dtype=dtype, clip=clip, cases=60)

    assert report.ok, report
    assert set(report.gradients) == {"W", "U", "h0", "x"}


@pytest.mark.parametrize("system", [STEP, LOSS], ids=["step", "loss"])
def test_a_missing_transpose_is_found(system: System) -> None:
    """Code is told from wrong code under a step and under a loss, and the step is located."""
    report = rnnverify.verify(partial(backward, transposed=True), system, cases=60)

    assert report.verdict == "wrong"
    assert report.failure is not None
    assert report.failure.gradient == "h0"
    assert report.failure.step == 0


def test_a_step_can_be_truncated_and_a_loss_cannot() -> None:
    """Full gradients are wrong for a truncated step; a loss has nothing that could be cut."""
    report = rnnverify.verify(backward, STEP, truncate=2, cases=60)

    assert report.verdict == "wrong"
    with pytest.raises(UsageError, match="no step that could be cut"):
        rnnverify.verify(backward, LOSS, truncate=2, cases=10)


def test_a_loss_is_compiled_for_a_few_shapes_only() -> None:
    """Cases come in six combinations of sizes, from the smallest to the largest."""
    seen: set[tuple[int, ...]] = set()
    explore(rnnverify.cases(LOSS), lambda c: seen.add(tuple(c.dims.values())), seed=0, cases=80)

    assert seen == {tuple(shape.values()) for shape in combinations(LOSS, LOSS.sizes)}
    assert len(seen) == 6
    assert {(1, 1, 1), (4, 3, 3)} <= seen


def test_only_time_is_padded_in_a_step() -> None:
    """Lengths are drawn freely, the other axes in a few combinations."""
    seen: set[tuple[int, ...]] = set()
    explore(rnnverify.cases(STEP), lambda c: seen.add(tuple(c.dims.values())), seed=0, cases=150)

    assert {dims[0] for dims in seen} == {1, 2, 3, 4}
    assert len({dims[1:] for dims in seen}) == 6


def test_dims_and_fixed_hold_for_them_too() -> None:
    """A size that is built in, and an initial state of zero."""
    seen: list[Case] = []

    def remember(case: Case) -> dict[str, Any]:
        seen.append(case)
        return backward(case)

    report = rnnverify.verify(remember, LOSS, dims={"H": 2}, fixed={"h0": 0}, cases=30)

    assert report.ok
    assert {case.dims["H"] for case in seen} == {2}
    assert not any(np.any(case["h0"]) for case in seen)


def test_a_case_of_ones_own_can_be_checked() -> None:
    """A case knows its system, which is in no list."""
    arrays = {
        "W": np.eye(2),
        "U": np.ones((2, 1)),
        "h0": np.zeros(2),
        "x": np.array([[0.5], [-0.25]]),
        "y": np.full((2, 2), 0.5),
        "loss_weights": np.ones(2),
    }

    case = LOSS.case(arrays)

    assert rnnverify.check(case, backward).kind == "match"
    assert rnnverify.check(case, lambda case: {"W": case["U"], "U": case["U"]}).kind == "invalid"


def cell(name: str, **changes: Any) -> System:
    """Return a system whose step takes a logarithm of its input."""

    def logarithmic(weights: Any, h: jax.Array, x: Any) -> tuple[jax.Array, jax.Array]:
        h = jnp.tanh(weights["w"] * (h + jnp.log(x["x"])))
        return h, jnp.sum(h)

    return System(
        name=name,
        weights={"w": "H"},
        state={"h0": "H"},
        inputs={"x": "T H"},
        init=lambda _, state: state["h0"],
        step=logarithmic,
        **changes,
    )


def case_of(system: System) -> Case:
    """Return a case of ``cell`` whose padded steps would have log 0 in them."""
    return system.case({"w": np.ones(2), "h0": np.zeros(2), "x": np.full((3, 2), 0.5)})


def test_padding_that_changes_a_gradient_is_refused() -> None:
    """Zeros, of which there is no logarithm, make NaN of it; the error says what to do."""
    system = cell("logarithmic")

    with pytest.raises(UsageError, match=r"padding changes the gradient of w .* fills="):
        rnnverify.check(case_of(system), lambda case: {"w": case["w"] * 0})


@pytest.mark.parametrize("remedy", [{"fills": {"x": 1.0}}, {"unpadded": frozenset("T")}])
def test_what_the_error_says_is_a_remedy(remedy: dict[str, Any]) -> None:
    """With other fills, or without padding, the same system has a reference."""
    verdict = rnnverify.check(case_of(cell("mended", **remedy)), lambda case: {"w": case["w"] * 0})

    assert verdict.kind == "wrong"


def test_a_primitive_without_a_rule_gets_noise_and_a_warning_that_names_it() -> None:
    """The reference is used all the same, and the report has a note of it."""
    system = System(
        name="scaled Bessel",
        weights={"w": "H"},
        inputs={"x": "T H"},
        loss=lambda p: jnp.sum(jax.scipy.special.i0e(p["w"] * jnp.sum(p["x"], 0))),
    )

    def right(case: Case) -> dict[str, Any]:
        from scipy.special import i0e, i1e  # noqa: PLC0415

        x = case["x"].sum(0)
        z = case["w"] * x
        return {"w": x * (i1e(z) - np.sign(z) * i0e(z))}

    with pytest.warns(RoundingRuleWarning, match="bessel_i0e.* 'scaled Bessel'"):
        report = rnnverify.verify(right, system, cases=40)

    assert report.ok, report
    assert unknown_primitives(system) == ("bessel_i0e", "bessel_i1e")
    assert any("no rounding rule for bessel_i0e" in note for note in report.notes)


def test_a_known_primitive_gets_no_warning() -> None:
    """Ordinary references are silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rnnverify.verify(backward, LOSS, cases=5).notes == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": None}, "either a step or a loss"),
        ({"step": step}, "either a step or a loss"),
        ({"weights": {}}, "has no weights"),
        ({"state": {"W": "H"}}, "W in more than one"),
        ({"inputs": {"x": "D"}}, "first axis of one must be T"),
        ({"sizes": {"Q": (1, 2)}}, "Q, which it does not have"),
    ],
)
def test_a_system_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    """The error names the system, and says what is missing."""
    described = {"name": "mine", "loss": loss, **ARRAYS, **changes}

    with pytest.raises(UsageError, match=f"'mine'.*{words}"):
        System(**described)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (lambda p: p["W"] @ p["nothing"], "KeyError: 'nothing'"),
        (lambda p: p["W"] @ p["h0"], "scalar-output"),
    ],
)
def test_an_error_in_a_reference_is_told_as_the_users_own(reference: Any, words: str) -> None:
    """Its message comes without a frame of this package or of JAX."""
    system = replace(LOSS, name="broken", loss=reference)

    with pytest.raises(UsageError, match="'broken' cannot be differentiated") as raised:
        rnnverify.verify(backward, system, cases=2)

    assert words in str(raised.value)
    assert "rnnverify/unrolling.py" not in str(raised.value)


def test_an_array_that_is_not_there_is_named_to_an_adapter() -> None:
    """A misspelt name is answered with those that there are."""
    with pytest.raises(KeyError, match="'Whh' is no array of by loss; those are W, U, h0"):
        next(iter_cases())["Whh"]


def iter_cases() -> Any:
    found: list[Case] = []
    explore(rnnverify.cases(LOSS), found.append, seed=0, cases=1)
    return iter(found)
