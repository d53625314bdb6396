"""torch's clips behind our gradients: one is ours, the other one is almost."""

from typing import Any

import pytest

from rnnverify import check, verify
from tests.peers.clips import ClipFunction, Gradients, case_of_length, clipped

torch = pytest.importorskip("torch")

MATCH = {"float64": "match", "float32": "match"}


def verdicts(clip: ClipFunction, spec: str) -> dict[str, str]:
    """Return the verdict on a clip in each dtype."""
    return {
        dtype: verify(clipped(clip), "char_rnn", clip=spec, dtype=dtype, cases=100).verdict
        for dtype in MATCH
    }


def by_value(gradients: Gradients, threshold: float) -> Gradients:
    """Clip by ``clip_grad_value_``."""
    return _in_place(torch.nn.utils.clip_grad_value_, gradients, threshold)


def by_norm(gradients: Gradients, threshold: float) -> Gradients:
    """Clip by ``clip_grad_norm_``."""
    return _in_place(torch.nn.utils.clip_grad_norm_, gradients, threshold)


def _in_place(clip: Any, gradients: Gradients, threshold: float) -> Gradients:
    parameters = [torch.tensor(gradient, requires_grad=True) for gradient in gradients.values()]
    for parameter in parameters:
        parameter.grad = parameter.detach().clone()
    clip(parameters, threshold)
    return {name: each.grad.numpy() for name, each in zip(gradients, parameters, strict=True)}


def by_exact_norm(gradients: Gradients, threshold: float) -> Gradients:
    """Clip by torch's norm, with nothing added to it."""
    tensors = {name: torch.tensor(gradient) for name, gradient in gradients.items()}
    length = torch.nn.utils.get_total_norm(tensors.values())
    factor = torch.clamp(threshold / length, max=1.0)
    return {name: (tensor * factor).numpy() for name, tensor in tensors.items()}


@pytest.mark.parametrize("spec", ["value", "value:5"])
def test_clipping_by_value_agrees(spec: str) -> None:
    """``clip_grad_value_`` matches."""
    assert verdicts(by_value, spec) == MATCH


@pytest.mark.parametrize("spec", ["global-norm", "global-norm:1"])
def test_clipping_by_torchs_norm_agrees_without_the_epsilon(spec: str) -> None:
    """``get_total_norm`` is our global norm: only the epsilon of ``clip_grad_norm_`` is not."""
    assert verdicts(by_exact_norm, spec) == MATCH


@pytest.mark.parametrize(
    ("dtype", "length", "verdict"),
    [
        ("float64", 1e-3, "wrong"),
        ("float64", 1.0, "wrong"),
        ("float64", 2.0, "inaccurate"),
        ("float64", 1e7, "inaccurate"),
        ("float64", 1e9, "match"),
        ("float32", 1e-3, "wrong"),
        ("float32", 1e-2, "inaccurate"),
        ("float32", 1.0, "match"),
    ],
)
def test_the_epsilon_in_torchs_norm_is_found(dtype: str, length: float, verdict: str) -> None:
    """``clip_grad_norm_`` divides by ‖g‖ + 1e-6, a relative error of 1e-6/‖g‖: it fades with ‖g‖.

    In float64 that is more than a float32 computation loses up to ‖g‖ = 1.05, so wrong, and more
    than rounding up to some 1e8; in float32, where half of the digits are fewer, wrong up to 0.004.
    """
    assert check(case_of_length(length, dtype), clipped(by_norm)).kind == verdict


def test_generated_cases_show_the_epsilon_in_float64() -> None:
    """Under a threshold of 1, float32 cannot tell the epsilon from rounding; float64 can."""
    found = verdicts(by_norm, "global-norm:1")

    assert found["float64"] in ("inaccurate", "wrong")
    assert found["float32"] == "match"
