"""Steps: contributions of single steps that are left out, or count twice, are told to be so."""

from collections.abc import Callable

import numpy as np
import pytest

from rnnverify.checker import check
from rnnverify.diagnosis.steps import step_relations
from rnnverify.diagnosis.witnesses import asked, witness
from rnnverify.records import Array, Candidate, Case
from rnnverify.terms import CONTRACT
from tests.planting import LEARNT, contributions, drawn, instead, name_of, told

Share = Callable[[int, int, int], float]


def of_steps(share: Share) -> Candidate:
    """Return elman's model with a dWh in which each contribution counts so often."""

    def change(case: Case, _: dict[str, Array]) -> Array:
        steps = case.dims["T"]
        shares = [[share(s, t, steps) for t in range(steps)] for s in range(steps)]
        return np.asarray(np.tensordot(np.array(shares, float), contributions(case), axes=2))

    return instead("elman", "Wh", change)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("nothing_carried_back", lambda s, t, _: s == t),
        ("truncated_after_2_steps", lambda s, t, _: s - t < 2),
        ("truncated_after_3_steps", lambda s, t, _: s - t < 3),
        ("step_0_missing", lambda _s, t, _: t > 0),
        ("last_step_missing", lambda _s, t, T: t < T - 1),
        ("last_step_only", lambda _s, t, T: t == T - 1),
        ("step_0_only", lambda _s, t, _: t == 0),
        ("last_loss_only", lambda s, _t, T: s == T - 1),
        ("last_loss_missing", lambda s, _t, T: s < T - 1),
        ("first_loss_missing", lambda s, _t, _: s > 0),
        ("own_losses_missing", lambda s, t, _: s > t),
        ("step_0_twice", lambda _s, t, _: 1 + (t == 0)),
        ("last_step_twice", lambda _s, t, T: 1 + (t == T - 1)),
        ("carry_negative", lambda s, t, _: (-1) ** (s - t)),
        ("carry_doubled", lambda s, t, _: 2 ** (s - t)),
        ("carry_halved", lambda s, t, _: 0.5 ** (s - t)),
        ("last_2_steps_only", lambda _s, t, T: t >= T - 2),
        ("last_3_steps_only", lambda _s, t, T: t >= T - 3),
        ("cut_every_2_steps", lambda s, t, _: s // 2 == t // 2),
        ("cut_every_3_steps", lambda s, t, _: s // 3 == t // 3),
    ],
)
def test_each_loss_of_steps_is_told(name: str, share: Share) -> None:
    """Contributions that are left out, or count too often, are told to be so."""
    diagnosis = told(of_steps(share), "elman").diagnosis

    assert diagnosis is not None
    assert ("steps", name) == (diagnosis.kind, diagnosis.name)


def test_contributions_that_all_count_once_are_right() -> None:
    """What the wrong ones above are made of adds up to the right gradient."""
    right = of_steps(lambda s, t, _: float(t <= s))

    assert not any(check(case, right).failed for case in drawn("elman"))


def test_shares_of_no_plain_kind_have_no_name() -> None:
    """Contributions that fade by another factor are none of those above: adjoints are wrong."""
    fading = of_steps(lambda s, t, _: 0.7 ** (s - t) * (t <= s))

    assert name_of(fading, "elman") == "adjoint_wrong"


def test_a_share_must_hold_in_every_case() -> None:
    """What is cut off after two steps in some cases, and after three in others, is neither."""

    def changed(case: Case, _: dict[str, Array]) -> Array:
        most = 2 + case.dims["H"] % 2
        steps = case.dims["T"]
        shares = [[s - t < most for t in range(steps)] for s in range(steps)]
        return np.asarray(np.tensordot(np.array(shares, float), contributions(case), axes=2))

    assert name_of(instead("elman", "Wh", changed), "elman") == "adjoint_wrong"


def test_what_the_first_carry_is_made_of_is_used_at_step_0() -> None:
    """Truncated after two steps, the losses of steps 0 and 1 reach it, and no others."""
    random = np.random.default_rng(0)
    arrays = {"W": random.random((2, 2)), "start": random.random(2), "x": random.random((4, 2))}
    whole = LEARNT.case({**arrays, "loss_weights": np.ones(4)})
    early = LEARNT.case({**arrays, "loss_weights": np.array([1.0, 1.0, 0.0, 0.0])})
    seen = witness(whole, lambda _: {"W": np.zeros((2, 2)), "start": np.zeros(2)}, CONTRACT)
    assert seen is not None
    (cut,) = (r for r in step_relations(seen) if r.name == "truncated_after_2_steps")
    predicted, should = cut.predicted(seen, "start"), asked(early, CONTRACT).raw["start"].want

    assert predicted is not None
    np.testing.assert_allclose(predicted, should, rtol=1e-12)
