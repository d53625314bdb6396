"""A GRU whose z is our 1 - z loses digits where ours keeps them, and is not accused of it."""

from dataclasses import replace

import jax
import pytest

import rnnverify
from rnnverify.builtin import SYSTEMS
from rnnverify.references import gru as reference
from tests.conventions.examples import CONVENTIONS

OTHER_Z = CONVENTIONS["the other meaning of z"].candidate()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_other_meaning_of_z_matches(dtype: str) -> None:
    """In both dtypes, also where a gate is saturated."""
    report = rnnverify.verify(OTHER_Z, "gru", dtype=dtype, cases=200)

    assert report.ok, report


def test_it_would_be_accused_by_one_form_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With σ(a) alone in the reference, its rounding is not in the tolerance."""
    monkeypatch.setattr(reference, "_either_way", jax.nn.sigmoid)
    system = replace(SYSTEMS["gru"], name="gru, one form")

    report = rnnverify.verify(OTHER_Z, system, cases=200)

    assert report.verdict == "inaccurate"
