"""The verdict ``scaled``: conventions are told from bugs, and named; how reports read."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.checker import check
from rnnverify.clipping import clip_gradients
from rnnverify.errors import (
    InconclusiveError,
    MismatchError,
    ScaledGradientError,
    UsageError,
    WrongGradientError,
)
from rnnverify.models import char_rnn, elman
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.results import Report
from tests.support import char_rnn_case, mended

Factor = Callable[[Mapping[str, int]], float]
MODELS: Mapping[str, Any] = {"char_rnn": char_rnn, "elman": elman}
FACTORS: Mapping[str, Factor] = {
    "-1": lambda _: -1,
    "2": lambda _: 2,
    "1/2": lambda _: 0.5,
    "T": lambda dims: dims["T"],
    "1/T": lambda dims: 1 / dims["T"],
    "-1/T": lambda dims: -1 / dims["T"],
    "B": lambda dims: dims["B"],
    "1/B": lambda dims: 1 / dims["B"],
    "1/(T*B)": lambda dims: 1 / (dims["T"] * dims["B"]),
}


def scaled(factor: Factor, system: str = "char_rnn") -> Candidate:
    """Return a model, all gradients multiplied by a factor before the weights' are clipped."""
    model = MODELS[system]

    def candidate(case: Case) -> dict[str, Any]:
        raw = model.gradients(case.replace(clip=Clip()))
        times = {name: factor(case.dims) * raw[name] for name in raw if name != "loss"}
        return times | clip_gradients({name: times[name] for name in model.WEIGHTS}, case.clip)

    return candidate


MEAN = scaled(FACTORS["1/T"])


def unreached(_case: Case) -> dict[str, Array]:
    """Fail the test: nothing was to be run."""
    pytest.fail("was called")


def verify(candidate: Candidate, *, cases: int = 30, **declared: Any) -> Report:
    """Verify on few cases of char_rnn."""
    return rnnverify.verify(candidate, "char_rnn", cases=cases, **declared)


@pytest.mark.parametrize("formula", FACTORS)
def test_a_convention_is_recognised(formula: str) -> None:
    """Gradients that are all off by one factor are scaled, and the factor's formula is found."""
    system = "elman" if "B" in formula else "char_rnn"
    report = rnnverify.verify(scaled(FACTORS[formula], system), system, cases=30)

    assert (report.verdict, report.scaled_by) == ("scaled", formula)
    assert not report.ok


@pytest.mark.parametrize("formula", FACTORS)
def test_a_convention_matches_if_it_is_declared(formula: str) -> None:
    """What was recognised can be declared as it stands."""
    system = "elman" if "B" in formula else "char_rnn"
    candidate = scaled(FACTORS[formula], system)

    assert rnnverify.verify(candidate, system, cases=20, scale=formula).ok


@pytest.mark.parametrize("clip", ["value", "norm", "global-norm", "norm:0.1", "global-norm:0.1"])
@pytest.mark.parametrize("formula", ["-1", "2", "1/2", "1/T"])
def test_a_clip_hides_no_convention(formula: str, clip: str) -> None:
    """The factor is found though the clip comes after it, and matches if it is declared."""
    candidate = scaled(FACTORS[formula])
    report = verify(candidate, clip=clip, cases=40)

    assert (report.verdict, report.scaled_by) == ("scaled", formula)
    assert verify(candidate, clip=clip, scale=formula).ok


@pytest.mark.parametrize("clip", ["value", "norm", "global-norm"])
def test_a_sign_beyond_a_clip_is_no_whole_factor(clip: str) -> None:
    """Where a clip leaves only signs, -1 says no more than that the factor is negative."""
    report = verify(scaled(lambda dims: -dims["T"]), clip=clip, cases=40)

    assert (report.verdict, report.scaled_by) == ("scaled", "-T")


@pytest.mark.parametrize("clip", ["value:1e-9", "norm:1e-9", "global-norm:1e-9"])
def test_where_only_a_sign_is_left_the_factor_is_vague(clip: str) -> None:
    """Doubled or not, what is clipped throughout is the same; an unclipped state's tells more."""
    case = char_rnn_case().replace(clip=Clip.parse(clip))
    vague = check(case, scaled(lambda _: -2), gradients=char_rnn.WEIGHTS)
    clear = check(case, scaled(lambda _: -2))

    assert (vague.kind, vague.ratio, vague.vague) == ("scaled", -1, True)
    assert (clear.kind, clear.ratio, clear.vague) == ("scaled", -2, False)
    assert not check(case, scaled(lambda _: 2), gradients=char_rnn.WEIGHTS).failed


def test_the_factor_in_one_case_is_told() -> None:
    """``check`` says which it is, in the verdict and in words."""
    verdict = check(char_rnn_case(T=5), scaled(FACTORS["1/T"]))

    assert (verdict.kind, verdict.ratio) == ("scaled", 0.2)
    assert verdict.failed
    assert verdict.text.endswith("every gradient is 0.2 times what it should be")
    words = r"^scaled: char_rnn: d.* 0\.2 times what it should be"
    with pytest.raises(ScaledGradientError, match=words):
        verdict.raise_for_mismatch()


def test_one_gradient_with_another_factor_is_wrong() -> None:
    """All gradients have to be off by the same factor, but those that are zero."""
    assert check(char_rnn_case(), mended(char_rnn.gradients, "Whh", np.negative)).kind == "wrong"
    odd = mended(scaled(FACTORS["2"]), "h0", lambda g: g / 2)

    assert check(char_rnn_case(), odd).kind == "wrong"
    assert check(char_rnn_case(T=1, h0=np.zeros(3)), scaled(FACTORS["2"])).kind == "scaled"


def test_a_factor_must_be_a_plain_fraction() -> None:
    """Off by π, or by 1e-6, is no convention."""
    assert check(char_rnn_case(), scaled(lambda _: np.pi)).kind == "wrong"
    assert check(char_rnn_case(), scaled(lambda _: 2 + 1e-6)).kind == "wrong"


def test_a_vast_factor_is_wrong() -> None:
    """A ratio that overflows is no factor, and stops nothing."""
    case = char_rnn_case(loss_weights=np.full(5, 1e-10))

    def vast(case: Case) -> dict[str, Array]:
        return {name: np.full_like(case[name], 1e300) for name in char_rnn.WEIGHTS}

    assert check(case, vast).kind == "wrong"


@pytest.mark.parametrize("factor", [lambda dims: 2 + dims["V"] % 2, lambda dims: 3 + dims["T"]])
def test_factors_that_nothing_explains_are_wrong(factor: Factor) -> None:
    """What looks scaled in every single case is wrong if no formula gives all factors."""
    report = verify(scaled(factor))

    assert set(report.counts) <= {"scaled", "zero"}
    assert (report.verdict, report.scaled_by) == ("wrong", None)
    assert report.hints == ()
    assert report.failure is not None
    with pytest.raises(WrongGradientError):
        report.raise_for_mismatch()


def test_what_looks_scaled_where_little_is_seen_is_wrong() -> None:
    """A lost carry is a factor in the smallest cases, in which it is no less a lost carry."""

    def sometimes(case: Case) -> dict[str, Any]:
        returned = char_rnn.gradients(case)
        small = case.dims["T"] < 4
        return {n: 2 * g if small or n == "Whh" else g for n, g in returned.items()}

    report = verify(sometimes)

    assert report.counts["scaled"] > 3
    assert report.verdict == "wrong"


@pytest.mark.parametrize("clip", ["none", "value", "norm:1", "global-norm"])
def test_a_declared_formula_matches(clip: str) -> None:
    """A mean over steps matches as scale="1/T", the clip coming after it, and only so."""
    assert verify(MEAN, cases=20, scale="1/T", clip=clip).ok
    assert not verify(MEAN, cases=20, clip=clip).ok
    assert not verify(MEAN, cases=20, scale="1/V", clip=clip).ok


@pytest.mark.parametrize("clip", ["value:0.1", "global-norm:0.1"])
def test_a_clip_before_the_scale_is_found(clip: str) -> None:
    """Who clips first and takes the mean afterwards does something else."""

    def early(case: Case) -> dict[str, Any]:
        return {n: g / case.dims["T"] for n, g in char_rnn.gradients(case).items()}

    assert verify(early, scale="1/T", clip=clip).verdict == "wrong"


@pytest.mark.parametrize("scale", [-2, -2.0, "-2", "-4/2"])
def test_a_declared_number_matches(scale: Any) -> None:
    """A number may be given as such or as text; the other sign does not match."""
    doubled = scaled(lambda _: -2.0)

    assert verify(doubled, scale=scale).ok
    assert verify(scaled(lambda _: 2.0), scale=scale).verdict == "scaled"


def test_a_wrong_gradient_stays_wrong_under_a_scale() -> None:
    """The scale excuses no other bug."""
    assert verify(mended(MEAN, "Whh", np.negative), scale="1/T").verdict == "wrong"


@pytest.mark.parametrize("divisor", ["T", "1"])
def test_either_loss_is_right_under_a_scale(divisor: str) -> None:
    """People print the sum and differentiate the mean, or print what they differentiate."""

    def with_loss(case: Case) -> dict[str, Any]:
        loss = char_rnn.gradients(case)["loss"] / {"T": case.dims["T"], "1": 1}[divisor]
        return dict(MEAN(case)) | {"loss": loss}

    assert verify(with_loss, scale="1/T").notes == ()


@pytest.mark.parametrize(
    ("scale", "words"),
    [("1/S", "names S; the axes are T, V, H"), (0, "not 0"), ("mean", "names mean"), ("", "")],
)
def test_a_bad_scale_is_named_before_anything_runs(scale: Any, words: str) -> None:
    """An unknown axis, a zero and an empty text are usage errors, and the candidate is not run."""
    with pytest.raises(UsageError, match=rf"^scale: .*{words}"):
        verify(unreached, scale=scale)


def test_a_declared_scale_does_not_stop_another_from_being_found() -> None:
    """What is left over a declared scale is a factor, too."""
    report = verify(scaled(lambda dims: -1 / dims["T"]), scale="1/T")

    assert (report.verdict, report.scaled_by) == ("scaled", "-1")


def test_a_constant_is_told_so_that_it_can_be_declared() -> None:
    """A factor that is no convention is reported all the same."""
    report = verify(scaled(lambda _: 0.375))

    assert report.scaled_by == "0.375"
    assert verify(scaled(lambda _: 0.375), scale=report.scaled_by).ok


def test_the_hint_says_what_a_factor_means_and_how_to_declare_it() -> None:
    """It is given for the command line and for Python."""
    (hint,) = verify(scaled(FACTORS["1/T"])).hints

    assert "1/T times the reference's: the mean over time steps, where the sum is meant" in hint
    assert '--scale=1/T (scale="1/T")' in hint


def test_a_report_is_raised_as_what_it_is() -> None:
    """Each verdict has an exception of its own, which holds the report; a match raises nothing."""
    report = verify(scaled(FACTORS["-1"]))
    with pytest.raises(ScaledGradientError) as error:
        report.raise_for_mismatch()

    assert error.value.report is report
    assert isinstance(error.value, MismatchError | AssertionError)
    assert str(error.value) == str(report)
    verify(char_rnn.gradients, cases=9).raise_for_mismatch()


def test_too_little_is_raised_too() -> None:
    """A run that says too little is no pass, and says which gradients are to blame."""
    report = verify(char_rnn.gradients, clip="value:1e-9", dims={"T": 1}, fixed={"Whh": 0})

    assert report.verdict == "inconclusive"
    with pytest.raises(InconclusiveError, match="conclusive in too few cases: "):
        report.raise_for_mismatch()


def test_a_report_reads_well() -> None:
    """Verdict, system, what was asked for, counts, failure, diagnosis, hint, how to replay it."""
    report = verify(scaled(FACTORS["1/T"]), dims={"H": 2}, cases=12)
    headline, failure, diagnosis, *_, hint, replay = str(report).splitlines()

    assert headline.startswith("SCALED  char_rnn  scaled.<locals>.candidate, float64, clip none")
    assert "dims={'H': 2}; 12 cases: " in headline
    assert "times what it should be" in failure
    assert "behaves like mean_over_the_steps" in diagnosis
    assert hint.startswith("  hint: every gradient is 1/T times")
    assert replay.startswith("  replay: rnnverify.verify(")
    assert repr(report) == f"<Report: {report}>"


def test_a_report_is_shown_in_notebooks() -> None:
    """As HTML: the words, escaped, and a row for each gradient."""
    html = verify(scaled(FACTORS["1/T"]), cases=9)._repr_html_()

    assert "scaled.&lt;locals&gt;.candidate" in html
    assert "<locals>" not in html
    assert html.count("<tr>") == 1 + 6
    assert "<td>dWhh</td>" in html
