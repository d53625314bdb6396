"""Splits: the reference's gradient, by the step whose loss it is of, and by the step of use."""

from functools import cache

import numpy as np
import pytest

from rnnverify.builtin import find_system, system_of
from rnnverify.drawing import explore
from rnnverify.evaluation import Evaluation, evaluate
from rnnverify.models import char_rnn, lstm
from rnnverify.records import Array, Case
from rnnverify.strategies import cases
from tests.planting import LEARNT, contributions
from tests.support import char_rnn_case


@cache
def drawn(system: str, *, lengths: bool = False) -> tuple[Case, ...]:
    """Return two cases of a system in which each step has a loss, and padding follows."""
    found: list[Case] = []
    sizes = find_system(system).sizes
    small = {axis: max(low, min(high, 2)) for axis, (low, high) in sizes.items()} | {"T": 4}
    explore(cases(system, dims=small, lengths=lengths), found.append, seed=0, cases=150)
    return tuple(c for c in found if {"loss: signed", "weights: scaled"} <= {*c.regimes})[:2]


def evaluated(case: Case) -> Evaluation:
    """Return the reference's evaluation."""
    return evaluate(system_of(case), case)


def total(evaluation: Evaluation, name: str) -> Array:
    """Return the sum of a gradient's parts."""
    part = evaluation.split[name]
    used = name in evaluation.system.weights
    return np.asarray(part.sum(axis=(0, 1) if used else 0))


@pytest.mark.parametrize("system", ["char_rnn", "rtrbm", "werbos", "lstm"])
def test_the_parts_add_up(system: str) -> None:
    """Summed over both steps, they are the gradient; and so many are the steps."""
    assert len(drawn(system)) == 2
    for case in drawn(system):
        evaluation, T = evaluated(case), case.dims["T"]
        for name in evaluation.system.leaves:
            interval, shape = evaluation.raw[name], case[name].shape
            leading = (T, T + 1) if name in evaluation.system.weights else (T,)

            assert evaluation.split[name].shape == (*leading, *shape)
            off = np.abs(total(evaluation, name) - interval.want)
            assert np.all(off <= 1e-12 * max(interval.size, 1e-3))


def test_a_part_that_is_left_out_is_missed() -> None:
    """Without the loss of one step, the parts do not add up."""
    (case, _) = drawn("char_rnn")
    evaluation = evaluated(case)
    fewer = total(evaluation, "Whh") - evaluation.split["Whh"][1].sum(axis=0)

    assert np.abs(fewer - evaluation.raw["Whh"].want).max() > 1e-6


@pytest.mark.parametrize("step", range(4))
def test_each_loss_has_its_own_part(step: int) -> None:
    """The parts of a step's loss are the gradient if it is the only one: min-char-rnn's."""
    case = char_rnn_case(T=4, loss_weights=np.array([2.0, -1.0, 0.5, 3.0]))
    alone = case["loss_weights"] * (np.arange(4) == step)
    right = char_rnn.gradients(case.with_arrays({"loss_weights": alone}))
    split = evaluated(case).split

    for name in char_rnn.WEIGHTS:
        np.testing.assert_allclose(split[name][step].sum(axis=0), right[name], atol=1e-13)
    np.testing.assert_allclose(split["h0"][step], right["h0"], atol=1e-13)


@pytest.mark.parametrize("step", range(4))
def test_the_last_step_has_the_last_cells_loss(step: int) -> None:
    """The upstream gradient of c_T belongs to the last step, and to no other."""
    (case, _) = drawn("lstm")
    G = case["G"] * (np.arange(4) == step)[:, None, None]
    G_cT = case["G_cT"] * (step == 3)
    right = lstm.gradients(case.with_arrays({"G": G, "G_cT": G_cT}))
    split = evaluated(case).split

    assert np.any(case["G_cT"])
    for name in ("Wx", "Wh", "b"):
        np.testing.assert_allclose(split[name][step].sum(axis=0), right[name], atol=1e-13)
    for name in ("h0", "c0", "x"):
        np.testing.assert_allclose(split[name][step], right[name], atol=1e-13)


def test_each_use_has_its_own_part() -> None:
    """By the step of use, too, the parts are those of backpropagation through time by hand."""
    (case, _) = drawn("elman")
    split = evaluated(case).split["Wh"]

    np.testing.assert_allclose(split[:, :-1], contributions(case), atol=1e-13)
    assert not np.any(split[:, -1])


def test_the_first_carry_has_a_part_of_its_own() -> None:
    """A weight that the first carry is made of is used there, at last, and at no step."""
    random = np.random.default_rng(0)
    arrays = {"W": random.random((2, 2)), "start": random.random(2), "x": random.random((3, 2))}
    evaluation = evaluated(LEARNT.case({**arrays, "loss_weights": np.ones(3)}))
    split = evaluation.split["start"]

    assert np.all(split[:, -1])
    assert not np.any(split[:, :-1])
    np.testing.assert_allclose(total(evaluation, "start"), evaluation.raw["start"].want, atol=1e-13)


def test_lengths_cut_the_parts() -> None:
    """After a sequence's end nothing is used, and no loss is heard."""
    (case, _) = drawn("lstm", lengths=True)
    short = case.with_arrays({"lengths": np.array([2] * case.dims["B"])})
    evaluation = evaluated(short)

    assert np.any(evaluation.split["Wh"][1])
    assert not np.any(evaluation.split["Wh"][2])
    assert not np.any(evaluation.split["Wh"][:, 2:])
    np.testing.assert_allclose(total(evaluation, "Wh"), evaluation.raw["Wh"].want, atol=1e-12)
