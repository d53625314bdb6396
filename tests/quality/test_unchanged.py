"""What makes references fast leaves verdicts as they were, case by case, in the same runs.

That is, tolerances that are made from half of the samples first, and sums that are taken out of
loops. More cases are drawn under the hypothesis profiles ``ci`` and ``thorough``.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest
from hypothesis import settings

from rnnverify import checker, evaluation, programs
from rnnverify.builtin import SYSTEMS
from rnnverify.checker import check_under
from rnnverify.drawing import explore
from rnnverify.evaluation import Evaluation, evaluate
from rnnverify.mutants import CATALOGUE
from rnnverify.padding import blocks, pad
from rnnverify.programs import jax_settings
from rnnverify.questions import Question
from rnnverify.records import CLIP_KINDS, Candidate, Case, Clip, Truncation
from rnnverify.regimes import Regime, build
from rnnverify.rounding.sums import SumOfContractions
from rnnverify.strategies import cases
from rnnverify.systems import System
from rnnverify.terms import Terms
from rnnverify.unrolling import unrolled_gradient
from rnnverify.verdicts import Comparison, Verdict
from tests.support import amplifying

Alike = Callable[[Verdict, Verdict], bool]
CLIPS = [Clip(kind) for kind in CLIP_KINDS]
HERE = Terms(timeout=None)
DTYPES = ["float64", "float32"]
BATCHED = [name for name, system in SYSTEMS.items() if "B" in system.dims]
TRUNCATED = [name for name, system in SYSTEMS.items() if system.truncated_gradients]
NEAR = 2.0
"""Noise is other noise where a sum is taken out: tolerances differ, but by less than this factor
wherever that shows."""


@contextmanager
def all_samples() -> Iterator[None]:
    """Evaluate all samples at once, whatever is asked for."""

    def whole(system: System, case: Case, *, few: bool) -> Evaluation:
        del few
        return evaluate(system, case)

    with mock.patch.object(checker, "evaluate", whole):
        yield


_apart: dict[Any, Any] = {}


@contextmanager
def no_sums() -> Iterator[None]:
    """Leave every sum in its loop; references are compiled anew for that, and kept here."""
    with (
        mock.patch("rnnverify.rounding.sums.sums_in", return_value=[]),
        mock.patch.object(programs, "_programs", _apart),
    ):
        yield


@contextmanager
def wrong_sums() -> Iterator[None]:
    """Plant a bug: factors change places, so that gradients of square weights are transposed."""
    swapped = property(lambda self: self.contraction.invars[::-1])
    with (
        mock.patch.object(SumOfContractions, "wanted", swapped),
        mock.patch.object(programs, "_programs", {}),
    ):
        yield


def plain_case(system: str) -> Case:
    """Return a well-conditioned case of a system."""
    bucket = SYSTEMS[system].buckets[0]
    dims = {axis: bucket.get(axis, least) for axis, (least, _) in SYSTEMS[system].sizes.items()}
    regime = Regime("scaled", "as drawn", "random", "random", "signed", "half")
    arrays = build(SYSTEMS[system], dims, regime, np.random.default_rng(1))
    return SYSTEMS[system].case(arrays)


@contextmanager
def few_settle() -> Iterator[None]:
    """Plant a bug: half of the samples settle everything."""
    with mock.patch.object(Question, "is_settled_by", return_value=True):
        yield


def candidates(system: str) -> list[Candidate]:
    """Return a system's model, and three of its mutants."""
    mutants = CATALOGUE[system]
    chosen = mutants[0], mutants[len(mutants) // 2], mutants[-1]
    return [SYSTEMS[system].gradients, *(mutant.fresh() for mutant in chosen)]


@cache
def drawn(system: str, dtype: str, **options: Any) -> list[Case]:
    """Return some cases of a run."""
    found: list[Case] = []
    strategy = cases(system, dtype=dtype, **options)
    explore(strategy, found.append, seed=8, cases=min(4 * settings().max_examples // 40, 300))
    return found


def told(verdict: Verdict) -> tuple[Any, ...]:
    """Return what a verdict says, but for the sizes of tolerances."""
    gradients = [(each.gradient, each.kind, each.conclusive) for each in verdict.comparisons]
    words = verdict.unchecked, verdict.notes, verdict.message
    overall = verdict.kind, verdict.ratio, verdict.vague, verdict.clip_active
    return overall, verdict.case.clip, words, gradients


def exactly(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same."""
    return told(one) == told(other)


def roughly(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same, but for what is near a threshold in both.

    And but for the last half of a ratio's digits: it is measured in whichever entry tells it best.
    """
    half = -np.log10(np.finfo(one.case.dtype).eps / 2) / 2
    pairs = zip(one.comparisons, other.comparisons, strict=True)
    same_ratio = math.isclose(one.ratio or 0.0, other.ratio or 0.0, rel_tol=10**-half)
    first, second = ((each.kind, each.clip_active, each.vague) for each in (one, other))
    return first == second and same_ratio and all(_alike(*pair, half) for pair in pairs)


def _alike(one: Comparison, other: Comparison, half: float) -> bool:
    both = one, other
    by_error = all(1 / NEAR < each.worst < NEAR for each in both)
    by_digits = all(abs(each.digits - half) < np.log10(NEAR) for each in both)
    return (one.kind == other.kind or by_error) and (
        one.conclusive == other.conclusive or by_digits
    )


def told_differently(
    found: list[Case], candidate: Candidate, otherwise: Callable[[], Any], alike: Alike
) -> list[tuple[Verdict, Verdict]]:
    """Return the verdicts as usual, and otherwise, wherever they are not alike."""
    differ = []
    for case in found:
        usual = check_under(CLIPS, case, candidate, HERE)
        with otherwise():
            other = check_under(CLIPS, case, candidate, HERE)
        pairs = zip(usual, other, strict=True)
        differ += [pair for pair in pairs if not alike(*pair)]
    return differ


@pytest.mark.parametrize("system", SYSTEMS)
def test_few_samples_tell_what_all_do(system: str) -> None:
    """Of models and of mutants, under every clip: every word but the sizes of tolerances."""
    found = drawn(system, "float64")

    for candidate in candidates(system):
        assert told_differently(found, candidate, all_samples, exactly) == []


@pytest.mark.parametrize("system", BATCHED)
def test_few_samples_of_sequences_with_lengths(system: str) -> None:
    """Where sequences have lengths of their own, too."""
    found = drawn(system, "float64", lengths=True)

    assert told_differently(found, SYSTEMS[system].gradients, all_samples, exactly) == []


@pytest.mark.parametrize("system", TRUNCATED)
def test_few_samples_of_truncated_gradients(system: str) -> None:
    """Where losses go back a few steps only, too."""
    model = SYSTEMS[system].truncated_gradients
    found = drawn(system, "float64", truncate=Truncation(3))

    assert model is not None
    assert told_differently(found, model, all_samples, exactly) == []


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_that_are_taken_out_change_no_verdict(system: str, dtype: str) -> None:
    """Nor what is told of a gradient, unless its error, or its tolerance, is near a threshold."""
    found = drawn(system, dtype)

    for candidate in candidates(system):
        assert told_differently(found, candidate, no_sums, roughly) == []


@pytest.mark.parametrize("system", BATCHED)
def test_sums_over_sequences_with_lengths(system: str) -> None:
    """Where sequences have lengths of their own, too."""
    found = drawn(system, "float64", lengths=True)

    assert told_differently(found, SYSTEMS[system].gradients, no_sums, roughly) == []


@pytest.mark.parametrize("system", TRUNCATED)
def test_sums_over_truncated_gradients(system: str) -> None:
    """Where losses go back a few steps only, too."""
    model = SYSTEMS[system].truncated_gradients
    found = drawn(system, "float64", truncate=Truncation(3))

    assert model is not None
    assert told_differently(found, model, no_sums, roughly) == []


def test_other_values_of_sums_would_be_seen() -> None:
    """The tests above can fail: with a transposed sum, the model is told to be wrong."""
    differ = told_differently(
        [plain_case("char_rnn")], SYSTEMS["char_rnn"].gradients, wrong_sums, roughly
    )

    assert {(one.kind, other.kind) for one, other in differ} == {("match", "wrong")}


def test_too_few_samples_would_be_seen() -> None:
    """The tests above can fail: few samples alone give other verdicts where rounding takes over."""
    found = [amplifying(gain) for gain in np.geomspace(65, 80, 20)]
    _, mutant, *_ = candidates("char_rnn")
    differ = told_differently(found, mutant, few_settle, exactly)

    assert any(one.kind != other.kind for one, other in differ)


@pytest.mark.parametrize(
    ("system", "truncation"),
    [*((name, None) for name in SYSTEMS), *((name, Truncation(2)) for name in TRUNCATED)],
)
def test_without_noise_the_gradient_is_jaxs_own(system: str, truncation: Truncation | None) -> None:
    """But for the order of additions: a few units in the last place of the largest entry."""
    case = plain_case(system).replace(truncation=truncation)
    found = evaluate(SYSTEMS[system], case)
    arrays, sizes = pad(SYSTEMS[system], case, found.bucket), evaluation._sizes(case, found.bucket)
    gradient = unrolled_gradient(SYSTEMS[system], found.bucket, truncated=truncation is not None)
    with jax_settings():
        wanted = jax.jit(gradient)(arrays, sizes)

    for name, block in blocks(SYSTEMS[system], tuple(case.dims.items()), found.bucket).items():
        if name in found.raw:
            want, got = np.asarray(wanted[name])[block], found.raw[name].want
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-14 * np.abs(want).max())
