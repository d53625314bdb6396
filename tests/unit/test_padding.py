"""A padded case has the loss and the gradients of the case that it pads."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from rnnverify.builtin import LSTM, RTRBM, SYSTEMS, system_of
from rnnverify.evaluation import evaluate
from rnnverify.padding import Bucket, bucket_of, pad
from rnnverify.programs import jax_settings
from rnnverify.records import Array, Case
from rnnverify.regimes import Regime, build
from rnnverify.systems import System
from rnnverify.unrolling import unrolled_gradient

ROUNDED_TWICE = 2 / 8
"""With padding and without, sums go in other orders: an eighth of the tolerance for each."""


def well_conditioned(name: str, *, lengths: bool = False) -> Case:
    """Return a well-conditioned case that is one smaller than its bucket along every axis."""
    system = SYSTEMS[name].with_lengths if lengths else SYSTEMS[name]
    dims = {axis: most for axis, (_, most) in system.sizes.items()}
    dims |= {axis: n - 1 for axis, n in system.buckets[-1].items()}
    regime = Regime("scaled", "as drawn", "random", "random", "signed", "half")
    return system.case(build(system, dims, regime, np.random.default_rng(0)))


def gradient(system: System, case: Case, bucket: Bucket) -> dict[str, Array]:
    """Return the loss and the gradients in a bucket's shapes."""
    sizes = {axis: np.int32(n) for axis, n in case.dims.items()}
    with jax_settings():
        compiled = jax.jit(unrolled_gradient(system, bucket))
        return {n: np.asarray(a) for n, a in compiled(pad(system, case, bucket), sizes).items()}


@pytest.mark.parametrize("system", SYSTEMS)
def test_padding_changes_nothing(system: str) -> None:
    """Loss and gradients are those without padding, within a quarter of the tolerance."""
    case = well_conditioned(system)
    unpadded = gradient(SYSTEMS[system], case, tuple(case.dims.items()))

    for name, interval in evaluate(SYSTEMS[system], case).raw.items():
        assert np.all(
            np.abs(unpadded[name] - interval.want) <= ROUNDED_TWICE * interval.tolerance
        ), name


@pytest.mark.parametrize("system", [s for s in SYSTEMS if "B" in SYSTEMS[s].dims])
def test_padding_changes_nothing_with_lengths(system: str) -> None:
    """Nor does it where sequences have lengths of their own."""
    case = well_conditioned(system, lengths=True)
    unpadded = gradient(system_of(case), case, tuple(case.dims.items()))

    for name, interval in evaluate(system_of(case), case).raw.items():
        assert np.all(
            np.abs(unpadded[name] - interval.want) <= ROUNDED_TWICE * interval.tolerance
        ), name


@pytest.mark.parametrize("system", [s for s in SYSTEMS if SYSTEMS[s].fills])
def test_without_its_fills_padding_changes_the_loss(system: str) -> None:
    """Zeros in the place of a fill would count: so the fills are needed, and looked at here."""
    case = well_conditioned(system)
    bucket = bucket_of(SYSTEMS[system], case.dims)
    emptied = replace(SYSTEMS[system], fills={})
    right, wrong = (gradient(each, case, bucket) for each in (SYSTEMS[system], emptied))

    assert not np.isclose(right["loss"], wrong["loss"], rtol=1e-6)


def test_blocks_of_units_are_padded_each_by_itself() -> None:
    """In an ordered network, inputs, hidden units and outputs keep their order."""
    werbos = SYSTEMS["werbos"]
    case = well_conditioned("werbos")
    bucket = (("T", 8), ("m", 4), ("k", 4), ("n", 4))
    m, k, n = (case.dims[axis] for axis in "mkn")
    x0 = pad(werbos, case, bucket)["x0"]

    assert np.array_equal(x0[:m], case["x0"][:m])
    assert np.array_equal(x0[4 : 4 + k], case["x0"][m : m + k])
    assert np.array_equal(x0[8 : 8 + n], case["x0"][m + k :])
    assert np.count_nonzero(x0) == np.count_nonzero(case["x0"])


def test_the_first_bucket_that_fits_is_taken() -> None:
    """Beyond the last one, an axis that is too large is rounded up."""
    assert dict(bucket_of(RTRBM, {"T": 1, "V": 8, "H": 4})) == {"T": 12, "V": 8, "H": 4}
    assert dict(bucket_of(RTRBM, {"T": 1, "V": 1, "H": 5})) == {"T": 12, "V": 8, "H": 6}
    beyond = bucket_of(LSTM, {"T": 33, "B": 2, "D": 1, "H": 4})
    assert dict(beyond) == {"T": 64, "B": 4, "D": 6, "H": 6}
    assert dict(bucket_of(RTRBM, {"T": 1, "V": 1, "H": 9}))["H"] == 10


@pytest.mark.parametrize(
    ("n", "padded"), [(5, 6), (6, 6), (7, 8), (33, 64), (65, 96), (96, 96), (97, 128), (129, 192)]
)
def test_an_axis_that_is_too_large_is_rounded_up(n: int, padded: int) -> None:
    """And no other: those that fit keep the size of the last bucket."""
    bucket = bucket_of(LSTM, {"T": 13, "B": 3, "D": 5, "H": n})

    assert dict(bucket) == {"T": 16, "B": 4, "D": 6, "H": padded}
