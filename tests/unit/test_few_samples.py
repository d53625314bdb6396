"""Half of the samples are enough wherever the other half would leave the verdict as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import jax.numpy as jnp
import numpy as np
import pytest

import rnnverify
from rnnverify import checker, evaluation, programs
from rnnverify.builtin import CHAR_RNN, ELMAN_RELU
from rnnverify.checker import check
from rnnverify.evaluation import Evaluation, Intervals, evaluate
from rnnverify.questions import FAR, Question
from rnnverify.records import Candidate, Case, Clip
from rnnverify.rounding.noise import FEW, SAMPLES, Noise
from rnnverify.systems import System
from rnnverify.verdicts import Verdict
from tests.support import amplifying, char_rnn_case, mended

RIGHT = CHAR_RNN.gradients
GAINS = np.geomspace(10, 100, 40)


@contextmanager
def counted() -> Iterator[list[int]]:
    """Note how many noisy samples are evaluated at a time."""
    found: list[int] = []
    real = programs.gradient_program

    def begin(*arguments: Any, **options: Any) -> Any:
        program = real(*arguments, **options).result()

        def noted(noise: Noise, *given: Any) -> Any:
            found.append(len(noise.level) - 1)
            return program(noise, *given)

        return mock.Mock(result=lambda: noted)

    with mock.patch.object(evaluation, "gradient_program", begin):
        yield found


def all_at_once(system: System, case: Case, *, few: bool) -> Evaluation:
    """Evaluate all samples, whatever is asked for."""
    del few
    return evaluate(system, case)


def told(verdict: Verdict) -> list[Any]:
    """Return what is told of a case, but for the sizes of tolerances."""
    each = [(one.gradient, one.kind, one.conclusive) for one in verdict.comparisons]
    return [verdict.kind, verdict.ratio, verdict.clip_active, *each]


def test_few_are_some_of_all() -> None:
    """The values are the same, and no tolerance is larger than those that all samples make."""
    case = char_rnn_case()
    few, whole = evaluate(CHAR_RNN, case, few=True), evaluate(CHAR_RNN, case)

    assert (few.is_whole, whole.is_whole) == (False, True)
    for name, each in whole.raw.items():
        np.testing.assert_array_equal(few.raw[name].want, each.want)
        assert np.all(few.raw[name].tolerance <= each.tolerance)
    assert any(np.any(few.raw[n].tolerance < whole.raw[n].tolerance) for n in whole.raw)


def of_clip(evaluation: Evaluation, clip: Clip) -> Intervals:
    """Return what the clipped gradients should be."""
    (clipped,) = evaluation.under([clip], [1.0], tuple(CHAR_RNN.weights))
    return clipped()


@pytest.mark.parametrize("clip", ["none", "value:0.1", "norm:0.1", "global-norm:0.1"])
def test_more_samples_are_all_samples(clip: str) -> None:
    """What few samples are completed to is what all at once would have been, also under a clip."""
    case = char_rnn_case()
    first, second = evaluate(CHAR_RNN, case, few=True).whole, evaluate(CHAR_RNN, case)
    found, wanted = (
        each.raw if clip == "none" else of_clip(each, Clip.parse(clip)) for each in (first, second)
    )

    assert first.is_whole
    assert first.whole is first
    for name in CHAR_RNN.weights:
        np.testing.assert_array_equal(found[name].tolerance, wanted[name].tolerance)
        np.testing.assert_array_equal(found[name].want, wanted[name].want)


def test_a_plain_case_takes_few() -> None:
    """Where everything matches and tolerances are far from any threshold."""
    with counted() as found:
        assert check(char_rnn_case(), RIGHT).ok

    assert found == [FEW]


@pytest.mark.parametrize(
    ("case", "candidate", "digits"),
    [
        (char_rnn_case(), mended(RIGHT, "bh", lambda db: db + 1e-6), None),
        (char_rnn_case(), mended(RIGHT, "bh", lambda db: db * np.nan), None),
        (char_rnn_case(), RIGHT, 6),
        (amplifying(27), RIGHT, None),
    ],
    ids=["does not match", "is not finite", "so many digits are enough", "amplifies rounding"],
)
def test_where_more_are_taken(case: Case, candidate: Any, digits: float | None) -> None:
    """Wherever something does not match, or may not be conclusive, all samples are evaluated."""
    with counted() as found:
        check(case, candidate, digits=digits)

    assert found[:2] == [FEW, SAMPLES - FEW]


def test_where_all_are_taken_at_once() -> None:
    """Where a derivative jumps, primitives are not known, or few would seldom be enough."""
    loss = rnnverify.System(
        name="mine",
        weights={"w": "H"},
        inputs={"x": "T H"},
        loss=lambda a: jnp.sum(jnp.tanh(a["x"] * a["w"])),
    )
    drawn = np.ones((2, 3))
    mine = loss.case({"w": drawn[0], "x": drawn})
    sizes = {"T": 2, "B": 1, "D": 2, "H": 2}
    kinked = ELMAN_RELU.case(
        {name: np.ones(axes.shape(sizes)) for name, axes in ELMAN_RELU.arrays.items()}
    )

    assert evaluate(loss, mine, few=True).is_whole
    assert evaluate(ELMAN_RELU, kinked, few=True).is_whole
    assert evaluate(CHAR_RNN, char_rnn_case(dtype="float32"), few=True).is_whole
    assert not evaluate(CHAR_RNN, char_rnn_case(), few=True).is_whole


@cache
def between() -> Candidate:
    """Return a candidate that is off by more than few samples allow, and less than all do."""
    case = char_rnn_case()
    few, all_of_them = evaluate(CHAR_RNN, case, few=True), evaluate(CHAR_RNN, case)
    narrow, wide = few.raw["Whh"].tolerance, all_of_them.raw["Whh"].tolerance
    place = np.unravel_index((wide / narrow).argmax(), wide.shape)
    off = np.zeros_like(wide)
    off[place] = np.sqrt(narrow * wide)[place]

    assert wide[place] > 1.1 * narrow[place]
    return mended(RIGHT, "Whh", lambda _: all_of_them.raw["Whh"].want + off)


def test_what_few_samples_find_wrong_all_decide() -> None:
    """A candidate between the tolerances of few samples and of all is not accused."""
    assert check(char_rnn_case(), between()).kind == "match"


def test_an_accusation_from_few_samples_would_be_seen() -> None:
    """The test above can fail: if few samples settled everything, that candidate were accused."""
    with mock.patch.object(Question, "is_settled_by", return_value=True):
        assert check(char_rnn_case(), between()).kind == "inaccurate"


def changed(far: float = FAR) -> list[float]:
    """Return at which gains few samples and all tell different things."""
    found = []
    for gain in GAINS:
        with mock.patch("rnnverify.questions.FAR", far):
            few = told(check(amplifying(gain), RIGHT))
        with mock.patch.object(checker, "evaluate", all_at_once):
            found += [gain] if few != told(check(amplifying(gain), RIGHT)) else []
    return found


def test_few_samples_and_all_tell_the_same_near_every_threshold() -> None:
    """As rounding is amplified more and more, gradients cease to be conclusive just as they do."""
    assert changed() == []


def test_too_little_distance_from_a_threshold_would_be_seen() -> None:
    """The test above can fail: without any distance, few samples settle what all do not."""
    assert changed(far=1e-9) != []


def test_a_threshold_is_crossed_on_the_way() -> None:
    """The first of those cases are conclusive for every gradient, the last for none."""
    first, last = (check(amplifying(gain), RIGHT) for gain in GAINS[[0, -1]])

    assert all(each.conclusive for each in first.comparisons)
    assert not any(each.conclusive for each in last.comparisons)


def test_larger_errors_are_told_in_tolerances_of_all_samples() -> None:
    """A third of a narrow tolerance may be a tenth of the wide one: reports tell the latter."""
    case = char_rnn_case()
    wide, place = evaluate(CHAR_RNN, case).raw["Whh"], (0, 0)
    narrow = evaluate(CHAR_RNN, case, few=True).raw["Whh"]
    off = np.zeros_like(wide.want)
    off[place] = 0.4 * narrow.tolerance[place]
    verdict = check(case, mended(RIGHT, "Whh", lambda _: wide.want + off))
    (told_of,) = (each for each in verdict.comparisons if each.gradient == "Whh")

    assert told_of.worst == pytest.approx(
        0.4 * narrow.tolerance[place] / wide.tolerance[place], 0.1
    )
    assert told_of.tolerance == wide.tolerance[place]
