"""Truncated backpropagation through time: what it is, and that the reference does just that."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import pytest

from rnnverify.builtin import SYSTEMS
from rnnverify.checker import check
from rnnverify.errors import UsageError
from rnnverify.evaluation import evaluate
from rnnverify.programs import jax_settings
from rnnverify.records import Array, Case, Truncation
from rnnverify.regimes import Regime, build
from rnnverify.strategies import cases
from tests.support import char_rnn_case


@pytest.mark.parametrize(
    ("text", "since"),
    [
        (1, [0, 1, 2, 3, 4, 5]),
        ("3", [0, 0, 0, 1, 2, 3]),
        ("6", [0, 0, 0, 0, 0, 0]),
        ("chunks:1", [0, 1, 2, 3, 4, 5]),
        ("chunks:4", [0, 0, 0, 0, 4, 4]),
    ],
)
def test_how_far_back_a_loss_goes(text: str | int, since: list[int]) -> None:
    """A window of k steps, or the start of a chunk of k."""
    truncation = Truncation.parse(text)

    assert truncation is not None
    assert truncation.since(6).tolist() == since
    assert Truncation.parse(str(truncation)) == truncation
    assert Truncation.parse(truncation) is truncation


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "chunks", "chunks:", "pieces:3", ":3"])
def test_what_is_no_truncation(text: str) -> None:
    """The error shows what was given, and what would be right."""
    with pytest.raises(UsageError, match="as 5 is, nor chunks:5"):
        Truncation.parse(text)


def test_no_steps_are_too_few() -> None:
    """A loss passes through its own step at least."""
    with pytest.raises(UsageError, match="at least 1"):
        Truncation(0)
    with pytest.raises(UsageError, match="whole number"):
        Truncation(2.5)  # type: ignore[arg-type]


def some_case(name: str, steps: int = 5) -> Case:
    """Return a well-conditioned case of a system."""
    system = SYSTEMS[name]
    dims = {axis: min(3, most) for axis, (_, most) in system.sizes.items()} | {"T": steps}
    regime = Regime("scaled", "as drawn", "random", "random", "signed", "half")
    return system.case(build(system, dims, regime, np.random.default_rng(1)))


def reference(case: Case, truncate: str | int | None) -> Mapping[str, Any]:
    """Return the reference's gradients, and their tolerances."""
    truncated = case.replace(truncation=Truncation.parse(truncate))
    return evaluate(SYSTEMS[case.system], truncated).raw


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_window_over_all_steps_truncates_nothing(system: str) -> None:
    """With k = T, and with one chunk, every gradient is the full one; with k = 1 some are not."""
    case = some_case(system)
    full, window, chunk = (reference(case, k) for k in (None, 5, "chunks:5"))
    within = reference(case, 1)

    for name, interval in full.items():
        assert np.all(np.abs(window[name].want - interval.want) <= interval.tolerance), name
        assert np.all(np.abs(chunk[name].want - interval.want) <= interval.tolerance), name
    assert any(
        np.any(np.abs(within[name].want - full[name].want) > 1e6 * full[name].tolerance)
        for name in SYSTEMS[system].weights
    )


def test_the_sum_of_losses_taken_alone() -> None:
    """The gradient of each loss goes back to step since[t]: as that of the steps from there on.

    What a window of 3 does to the loss of step t is what the full gradient is of a sequence that
    begins at since[t], from the state that enters it.
    """
    case = char_rnn_case(T=6, V=4, H=3, seed=2)
    summed = {name: np.zeros_like(case[name]) for name in ("Wxh", "Whh", "Why", "bh", "by", "h0")}
    for t in range(6):
        start = max(0, t - 2)
        piece = {name: case[name][start : t + 1] for name in ("inputs", "targets")}
        weights = {"loss_weights": np.eye(1, t + 1 - start, t - start)[0]}
        full = reference(shorter(case, piece | weights | {"h0": state_before(case, start)}), None)
        for name in summed:
            if name != "h0" or start == 0:
                summed[name] += full[name].want

    for name, interval in reference(case, 3).items():
        if name != "loss":
            assert np.all(np.abs(interval.want - summed[name]) <= 2 * interval.tolerance), name


def test_chunks_are_sequences_of_their_own() -> None:
    """Cutting every 2 steps is the sum over pieces, each from the state that enters it."""
    case = char_rnn_case(T=6, V=4, H=3, seed=3)
    summed = {name: np.zeros_like(case[name]) for name in ("Wxh", "Whh", "Why", "bh", "by", "h0")}
    for start in (0, 2, 4):
        arrays = {n: case[n][start : start + 2] for n in ("inputs", "targets", "loss_weights")}
        full = reference(shorter(case, arrays | {"h0": state_before(case, start)}), None)
        for name in summed:
            if name != "h0" or start == 0:
                summed[name] += full[name].want

    for name, interval in reference(case, "chunks:2").items():
        if name != "loss":
            assert np.all(np.abs(interval.want - summed[name]) <= 2 * interval.tolerance), name


def shorter(case: Case, arrays: Mapping[str, Array]) -> Case:
    """Return a case with other inputs, and as many steps as they have."""
    return SYSTEMS[case.system].case({**case, **arrays})


def state_before(case: Case, step: int) -> Array:
    """Return char_rnn's hidden state that enters a step."""
    h = case["h0"]
    for t in range(step):
        h = np.tanh(case["Wxh"][:, case["inputs"][t]] + case["Whh"] @ h + case["bh"])
    return h


@pytest.mark.parametrize("truncate", ["2", "3", "chunks:2"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_it_is_what_its_definition_says(system: str, truncate: str) -> None:
    """Each loss by itself, the carry that enters step since[t] held: the sum is the reference.

    The oracle is a loop in Python over losses, with ``stop_gradient`` where each is cut.
    """
    case = some_case(system, steps=4)
    truncation = Truncation.parse(truncate)
    assert truncation is not None
    summed = by_definition(case, truncation.since(4).tolist())

    for name, interval in reference(case, truncate).items():
        if name != "loss":
            assert np.all(np.abs(interval.want - summed[name]) <= interval.tolerance), name


def by_definition(case: Case, since: list[int]) -> dict[str, Array]:
    """Return the truncated gradients, from the definition of truncation."""
    system = SYSTEMS[case.system]

    def loss(leaves: dict[str, Any], last: int) -> Any:
        arrays = dict(case) | leaves
        carry = system.init(
            {name: leaves[name] for name in system.weights},
            {name: leaves[name] for name in system.state},
        )
        for t in range(last + 1):
            if t == since[last] > 0:
                carry = jax.lax.stop_gradient(carry)
            x = {name: arrays[name][t] for name, axes in system.inputs.items() if axes.is_scanned}
            assert system.step is not None
            carry, loss_t = system.step(leaves, carry, x | {"t": t})
        weighted = loss_t * arrays["loss_weights"][last] if "loss_weights" in arrays else loss_t
        ends = system.final is not None and last == len(since) - 1
        return weighted + (system.final(carry, arrays) if ends and system.final else 0.0)

    with jax_settings():
        leaves = {name: jax.numpy.asarray(case[name]) for name in system.leaves}
        each = [jax.grad(loss)(leaves, last) for last in range(len(since))]
        return {name: np.sum([np.asarray(g[name]) for g in each], axis=0) for name in leaves}


def test_lengths_and_truncation_do_not_go_together() -> None:
    """To which step the last state belongs is not settled then; the error says so."""
    case = some_case("lstm")
    with pytest.raises(UsageError, match="lengths of their own"):
        cases("lstm", lengths=True, truncate=2)
    both = SYSTEMS["lstm"].case({**case, "lengths": [3] * 3}, truncate=2)

    with pytest.raises(UsageError, match="lengths of their own"):
        check(both, SYSTEMS["lstm"].gradients)


def test_the_last_cell_belongs_to_the_last_loss() -> None:
    """With k = 1 the upstream gradient of c_T stays within the last step."""
    case = some_case("lstm")
    silent = case.with_arrays({"G": np.zeros_like(case["G"])})
    within = reference(silent, 1)

    assert np.any(within["x"].want[-1])
    assert not np.any(within["x"].want[:-1])
    assert not np.any(within["c0"].want)
