"""Relations: a wrong gradient that comes out of the right ones in a simple way is told so."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnverify.checker import check
from rnnverify.clipping import clip_gradients, norm
from rnnverify.diagnosis import Background, diagnose
from rnnverify.models import char_rnn, elman, lstm
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.terms import CONTRACT
from tests.planting import drawn, instead, name_of, told, without_catalogue
from tests.support import mended

Change = Callable[[Case, dict[str, Array]], Array]
RNN, VALUE, TOTAL = "char_rnn", "value:0.05", "global-norm:0.5"


def raw(case: Case) -> dict[str, Array]:
    """Return char_rnn's gradients without the clip."""
    return char_rnn.gradients(case.replace(clip=Clip()))


def with_arrays(model: Candidate, name: str, **values: Any) -> Change:
    """Return a change: the gradient that a model gives if arrays are others."""

    def change(case: Case, _: dict[str, Array]) -> Array:
        arrays = {each: np.full_like(case[each], value) for each, value in values.items()}
        return np.asarray(model(case.with_arrays(arrays))[name])

    return change


def of_sequence(index: int) -> Change:
    """Return a change: elman's dWh of one sequence of the batch."""

    def change(case: Case, _: dict[str, Array]) -> Array:
        G = np.zeros_like(case["G"])
        G[:, index] = case["G"][:, index]
        return elman.gradients(case.with_arrays({"G": G}))["Wh"]

    return change


def without_whh(case: Case, _: dict[str, Array]) -> Array:
    """Return char_rnn's dbh, clipped by a norm that leaves dWhh out."""
    assert case.clip.threshold is not None
    g = raw(case)
    length = norm([g[n] for n in char_rnn.WEIGHTS if n != "Whh"])
    return g["bh"] * min(1.0, case.clip.threshold / length if length else 1.0)


def by_norm(case: Case, _: dict[str, Array]) -> Array:
    """Return char_rnn's dWhh, clipped by norm."""
    return clip_gradients({"Whh": raw(case)["Whh"]}, Clip("norm", case.clip.threshold))["Whh"]


@pytest.mark.parametrize(
    ("name", "system", "array", "change", "clip"),
    [
        ("zero", RNN, "Whh", lambda _, g: 0 * g["Whh"], "none"),
        ("transpose", RNN, "Whh", lambda _, g: g["Whh"].T, "none"),
        ("factor_2", RNN, "Why", lambda _, g: 2 * g["Why"], "none"),
        ("factor_-1", RNN, "Why", lambda _, g: -g["Why"], "none"),
        ("factor_2/3", RNN, "Why", lambda _, g: g["Why"] * 2 / 3, "none"),
        ("factor_1/T", RNN, "by", lambda case, g: g["by"] / case.dims["T"], "none"),
        ("factor_1/(V*H)", RNN, "by", lambda c, g: g["by"] / c.dims["V"] / c.dims["H"], "none"),
        ("constant_factor", RNN, "Whh", lambda _, g: g["Whh"] * (1 + 1e-6), "none"),
        ("constant_factor", RNN, "Whh", lambda _, g: g["Whh"] * 0.123456789, "none"),
        ("order_1023", "lstm", "Wx", lambda _, g: g["Wx"][:, [1, 0, 2, 3]], "none"),
        ("order_0132", "lstm", "b", lambda _, g: g["b"][[0, 1, 3, 2]], "none"),
        ("T_reversed", "elman", "x", lambda _, g: g["x"][::-1], "none"),
        ("T_one_later", "elman", "x", lambda _, g: np.roll(g["x"], 1, axis=0), "none"),
        ("H_one_earlier", RNN, "bh", lambda _, g: np.roll(g["bh"], -1), "none"),
        ("that_of_h0", RNN, "bh", lambda _, g: g["h0"], "none"),
        ("with_that_of_h0", RNN, "bh", lambda _, g: g["bh"] + g["h0"], "none"),
        ("transpose_of_Why", RNN, "Wxh", lambda _, g: g["Why"].T, "none"),
        ("not_clipped", RNN, "Whh", lambda case, _: raw(case)["Whh"], VALUE),
        ("clipped_by_norm", RNN, "Whh", by_norm, VALUE),
        ("norm_without_Whh", RNN, "bh", without_whh, TOTAL),
        ("loss_weights_ignored", RNN, "by", with_arrays(raw, "by", loss_weights=1), "none"),
        ("h0_ignored", RNN, "Whh", with_arrays(raw, "Whh", h0=0), "none"),
        ("c0_ignored", "lstm", "b", with_arrays(lstm.gradients, "b", c0=0), "none"),
        ("first_sequence_only", "elman", "Wh", of_sequence(0), "none"),
        ("last_sequence_only", "elman", "Wh", of_sequence(-1), "none"),
    ],
)
def test_each_relation_is_told(
    name: str, system: str, array: str, change: Change, clip: str
) -> None:
    """A gradient that is planted to be so is told to be so."""
    diagnosis = told(instead(system, array, change), system, clip=clip).diagnosis

    assert diagnosis is not None
    assert name == diagnosis.name
    assert diagnosis.kind == "relation"
    assert diagnosis.text.startswith(f"d{array} ")
    assert diagnosis.confirmed_on >= 2


def rarely(change: Change, array: str, where: Callable[[Case], bool]) -> Candidate:
    """Return char_rnn's model with a change where a case is so, and another where it is not."""

    def changed(case: Case, right: dict[str, Array]) -> Array:
        return change(case, right) if where(case) else 0.9 * right[array]

    return instead(RNN, array, changed)


def test_a_relation_that_is_refuted_once_is_not_told() -> None:
    """One failing case in which it does not hold is enough; without that case it is told."""
    shown = [c for c in drawn(RNN) if check(c, instead(RNN, "Whh", transposed)).failed]
    odd = shown[4]["Whh"].tobytes()
    refuted = rarely(transposed, "Whh", lambda case: case["Whh"].tobytes() != odd)

    assert name_of(instead(RNN, "Whh", transposed), RNN) == "transpose"
    assert name_of(refuted, RNN) != "transpose"


def transposed(_: Case, right: dict[str, Array]) -> Array:
    """Give dWhh transposed."""
    return np.asarray(right["Whh"].T)


def test_a_case_that_is_right_refutes_too() -> None:
    """A factor that explains each failure, but would be wrong elsewhere, is not told."""

    def sometimes(case: Case, right: dict[str, Array]) -> Array:
        return right["Why"] * (2.0 if case.dims["V"] > 3 else 1.0)

    assert name_of(instead(RNN, "Why", sometimes), RNN) not in ("factor_2", "constant_factor")


def test_two_cases_are_too_few() -> None:
    """A relation must explain two failures besides that which it is looked for in."""
    candidate = instead(RNN, "Whh", transposed)
    seen = [check(case, candidate) for case in drawn(RNN)]
    failed, *others = [verdict for verdict in seen if verdict.failed]

    def told_on(number: int) -> bool:
        some = [each.case for each in others[:number]]
        with without_catalogue():
            found = diagnose(failed, candidate, CONTRACT, Background(others=some))
        return found.diagnosis is not None

    assert [told_on(number) for number in (0, 1, 2)] == [False, False, True]


def test_what_is_not_known_is_said() -> None:
    """Where one wrong gradient is explained and another is not, both are told as that."""
    random = np.random.default_rng(0)
    both = mended(
        instead(RNN, "Whh", transposed),
        "Why",
        lambda g: g * (1 + random.random(g.shape)),
    )
    diagnosis = told(both, RNN).diagnosis

    assert diagnosis is not None
    assert diagnosis.text == "dWhh is its own transpose; where dWhy comes from is not known"


def test_several_gradients_of_one_kind_are_told_together() -> None:
    """Each wrong gradient is named with what it is."""
    both = mended(instead(RNN, "Whh", transposed), "by", np.negative)
    also = mended(both, "Why", np.negative)
    diagnosis = told(also, RNN).diagnosis

    assert diagnosis is not None
    assert diagnosis.text.startswith("dWhh is its own transpose; each of dWhy, dby is -1 times")


def test_noise_is_no_relation() -> None:
    """A gradient that is off by another factor in every entry has no name."""

    def noisy(case: Case, right: dict[str, Array]) -> Array:
        random = np.random.default_rng(case["Whh"].view(np.uint64).sum() % 2**32)
        return np.asarray(right["Why"] * random.uniform(0.5, 1.5, right["Why"].shape))

    assert told(instead(RNN, "Why", noisy), RNN).diagnosis is None


def test_no_more_digits_of_a_factor_are_told_than_are_known() -> None:
    """Of an error near rounding one digit is left, of a larger one there are three."""
    near, far = (told(instead(RNN, "Why", off(e)), RNN).diagnosis for e in (1e-14, 1.234e-9))

    assert near is not None
    assert far is not None
    assert re.search(r"is 1 \+ \de-14 times", near.text)
    assert "is 1 + 1.23e-09 times" in far.text


def off(error: float) -> Callable[[Case, dict[str, Array]], Array]:
    """Return what makes a gradient wrong by a share of itself."""
    return lambda _, right: right["Why"] * (1 + error)


def test_what_is_found_without_the_clip_says_so() -> None:
    """Under a clip, a relation is sought before it, and told as that."""
    under_clip = told(instead(RNN, "Whh", transposed), RNN, clip="value").diagnosis
    plain = told(instead(RNN, "Whh", transposed), RNN).diagnosis

    assert under_clip is not None
    assert plain is not None
    assert under_clip.text == f"{plain.text}, before the clip"
