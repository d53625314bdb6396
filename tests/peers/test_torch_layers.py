"""torch.nn's layers, the references and the NumPy models agree, on sequences of any lengths."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given

import rnnverify
from rnnverify.records import Array, Candidate, Case
from tests.peers.torch_layers import LAYOUTS, Parameters, gradients

MATCH = {"float64": "match", "float32": "match"}


def verdicts(candidate: Candidate, system: str, *, lengths: bool = False) -> dict[str, str]:
    """Return the verdict on a candidate in each dtype."""
    return {
        dtype: rnnverify.verify(candidate, system, dtype=dtype, lengths=lengths, cases=100).verdict
        for dtype in MATCH
    }


@pytest.mark.parametrize("system", LAYOUTS)
def test_torch_agrees_with_the_reference(system: str) -> None:
    """Autograd through torch.nn matches in every gradient, in both dtypes."""
    assert verdicts(gradients, system) == MATCH


@pytest.mark.parametrize("system", LAYOUTS)
def test_torch_agrees_on_packed_sequences(system: str) -> None:
    """Autograd through a packed batch matches where the sequences have lengths of their own."""
    assert verdicts(gradients, system, lengths=True) == MATCH


@given(case=rnnverify.cases("lstm", lengths=True))
def test_no_input_beyond_an_end_has_a_gradient(case: Case) -> None:
    """Where torch has no gradient for x, after the end of a sequence, the reference has none."""
    after = np.arange(case.dims["T"])[:, None] >= case["lengths"]
    returned = gradients(case)

    assert not np.any(returned["x"][after])
    assert not rnnverify.check(case, gradients).failed


def test_all_sequences_may_end_before_the_padding() -> None:
    """Steps that no sequence reaches are padding to both."""
    random = np.random.default_rng(0)
    system = rnnverify.find_system("gru").with_lengths
    sizes = {"T": 5, "B": 2, "D": 3, "H": 2}
    arrays = {n: random.standard_normal(a.shape(sizes)) for n, a in system.arrays.items()}
    case = system.case(arrays | {"lengths": np.array([2, 3])})

    assert rnnverify.check(case, gradients).ok


def in_the_second_bias(parameters: Parameters) -> Parameters:
    """Let autograd see b as the recurrent bias, whose value stays what it is."""
    b = parameters["bias_ih"]
    moved = parameters["bias_hh"] + (b - b.detach())
    return parameters | {"bias_ih": b.detach(), "bias_hh": moved}


@pytest.mark.parametrize("system", ["elman", "lstm"])
def test_both_biases_have_one_gradient(system: str) -> None:
    """The gradient of torch's recurrent bias is that of the other one: our single b's."""
    assert verdicts(partial(gradients, change=in_the_second_bias), system) == MATCH


def test_both_biases_have_one_gradient_but_for_a_grus_candidate_state() -> None:
    """A GRU's n needs both of its biases: r scales the gradient of one; r and z need but one."""
    through_the_second = partial(gradients, change=in_the_second_bias)
    report = rnnverify.verify(through_the_second, "gru", cases=60)

    assert report.verdict == "wrong"
    assert [name for name, each in report.gradients.items() if each.differ] == ["bxn"]


def gates_swapped(case: Case) -> dict[str, Array]:
    """Take an LSTM's second gate for its first, in the weights and in their gradients."""

    def swap(weights: dict[str, Array]) -> dict[str, Array]:
        swapped = {name: weights[name][..., [1, 0, 2, 3], :] for name in ("Wx", "Wh", "b")}
        return weights | swapped

    return swap(gradients(case.replace(arrays=swap(dict(case)))))


def reset_for_update(case: Case) -> dict[str, Array]:
    """Take a GRU's update gate for its reset gate, in the weights and in their gradients."""
    other = {"Wxr": "Wxz", "Whr": "Whz", "br": "bz", "Wxz": "Wxr", "Whz": "Whr", "bz": "br"}

    def swap(weights: dict[str, Array]) -> dict[str, Array]:
        return {name: weights[other.get(name, name)] for name in weights}

    return swap(gradients(case.replace(arrays=swap(dict(case)))))


def one_step_short(case: Case) -> dict[str, Array]:
    """Take every sequence of more than one step to end a step early."""
    return gradients(case.with_arrays({"lengths": np.maximum(case["lengths"] - 1, 1)}))


def lengths_ignored(case: Case) -> dict[str, Array]:
    """Read on beyond the sequences' ends, G being zero there, as a masked loss makes it."""
    after = np.arange(case.dims["T"])[:, None, None] >= case["lengths"][:, None]
    arrays = {name: array for name, array in case.items() if name != "lengths"}
    return gradients(case.replace(arrays=arrays | {"G": np.where(after, 0, case["G"])}))


MISTAKES: dict[str, tuple[str, bool, Candidate]] = {
    "gates swapped": ("lstm", False, gates_swapped),
    "reset for update": ("gru", False, reset_for_update),
    "no cotangent of c_T": (
        "lstm",
        False,
        lambda case: gradients(case.with_arrays({"G_cT": np.zeros_like(case["G_cT"])})),
    ),
    "tanh for relu": ("elman_relu", False, lambda case: gradients(case.replace(system="elman"))),
    "lengths one short": ("elman", True, one_step_short),
    "the cell of the last step for that at the end": ("lstm", True, lengths_ignored),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_adapter_is_found(name: str) -> None:
    """With a real mistake in its use, torch is wrong within 60 cases."""
    system, lengths, candidate = MISTAKES[name]

    assert rnnverify.verify(candidate, system, lengths=lengths, cases=60).verdict == "wrong"


def test_a_masked_loss_is_enough_without_a_last_cell() -> None:
    """Where outputs alone are upstream, a zero G after the end does what packing does."""
    assert rnnverify.verify(lengths_ignored, "gru", lengths=True, cases=60).verdict == "match"
