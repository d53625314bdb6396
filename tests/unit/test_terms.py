"""Terms and restrictions: what is declared changes what is asked for, and nothing else."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify.builtin import CHAR_RNN, ELMAN, WERBOS
from rnnverify.checker import check
from rnnverify.errors import UsageError
from rnnverify.models import char_rnn
from rnnverify.records import Array, Candidate, Case
from rnnverify.restrictions import Restrictions
from rnnverify.results import Report
from rnnverify.terms import make_terms
from tests.support import char_rnn_case, edited, mended


def verify(candidate: Candidate, *, cases: int = 20, **declared: Any) -> Report:
    """Verify on few cases of char_rnn."""
    return rnnverify.verify(candidate, "char_rnn", cases=cases, **declared)


def returning(*names: str) -> Candidate:
    """Return the model, all but some of its gradients being left out."""
    return lambda case: {name: char_rnn.gradients(case)[name] for name in names}


def unreached(_case: Case) -> dict[str, Array]:
    """Fail the test: nothing was to be run."""
    pytest.fail("was called")


def test_weights_are_asked_for_unless_declared() -> None:
    """A candidate without dWhy is invalid, unless what it returns is declared."""
    some = returning("Wxh", "Whh", "bh")

    assert verify(some).verdict == "invalid"
    assert verify(some, gradients=["Wxh", "Whh", "bh"]).ok


def test_what_is_declared_must_be_returned() -> None:
    """A gradient that is declared and missing makes the candidate invalid, and is named."""
    verdict = check(char_rnn_case(), returning("Wxh", "h0"), gradients=["Wxh", "Whh", "h0"])

    assert verdict.kind == "invalid"
    assert verdict.message.startswith("the candidate returned no gradient of Whh;")


def test_a_declared_state_is_compared() -> None:
    """A state's gradient may be left out only where it is not declared."""
    wrong = mended(char_rnn.gradients, "h0", np.negative)

    assert verify(returning("Wxh"), gradients="Wxh h0").verdict == "invalid"
    assert verify(wrong, gradients="Wxh h0").verdict == "wrong"
    assert verify(wrong, gradients="Wxh").ok


@pytest.mark.parametrize("bad", [np.nan, "nonsense", None, np.zeros(99)])
def test_what_is_not_declared_is_left_alone(bad: Any) -> None:
    """Nobody looks at what else is returned, whatever it is."""

    def candidate(case: Case) -> dict[str, Any]:
        return char_rnn.gradients(case) | {"Why": bad}

    assert verify(candidate, gradients=["Wxh", "Whh"]).ok
    assert not verify(candidate).ok


def test_only_what_is_declared_is_reported() -> None:
    """The report has a summary for each gradient declared, and calls no other unchecked."""
    report = verify(char_rnn.gradients, gradients=["Whh", "by"])

    assert set(report.gradients) == {"Whh", "by"}
    assert report.unchecked == ()
    assert report.options == {"gradients": ["Whh", "by"]}


@pytest.mark.parametrize("given", ["Whh,by", "Whh by", ["Whh,by"], ("Whh", "by")])
def test_names_may_be_written_in_one(given: Any) -> None:
    """A text of names with commas or spaces is as good as a list."""
    assert verify(char_rnn.gradients, cases=3, gradients=given).options["gradients"] == [
        "Whh",
        "by",
    ]


@pytest.mark.parametrize("argument", ["gradients", "clip_over"])
def test_unknown_names_are_named(argument: str) -> None:
    """The error says which argument, which name, and which there are."""
    unknown: dict[str, Any] = {argument: ["Whh", "Wq"]}
    none: dict[str, Any] = {argument: []}
    with pytest.raises(UsageError, match=rf"^{argument}: Wq is no array .* Wxh, Whh, Why") as error:
        verify(char_rnn.gradients, **unknown)

    assert "Whh is no" not in str(error.value)
    with pytest.raises(UsageError, match=f"^{argument}: none is named"):
        verify(char_rnn.gradients, **none)


def test_what_has_no_gradient_cannot_be_declared() -> None:
    """Token ids and loss weights are arrays, but have no gradient."""
    with pytest.raises(UsageError, match="gradients: inputs, loss_weights is no array that has"):
        verify(char_rnn.gradients, gradients=["inputs", "loss_weights"])


TANH = "np.tanh(wx[t] + Whh.dot(h[t]), out=h[t + 1])"
CARRY = ("(dh[t] + dhnext)", "dh[t]")
SIGN = ("dhraw.T @ h[:-1]", "-dhraw.T @ h[:-1]")
TRANSPOSE = ("dhnext = dhraw[t] @ Whh", "dhnext = Whh @ dhraw[t]")


def approximate(error: float, *bugs: tuple[str, str]) -> Candidate:
    """Return the model with another tanh: one of an argument that is slightly off."""
    changed = f"np.tanh((wx[t] + Whh @ h[t]) * (1 + {error}), out=h[t + 1])"
    return edited(char_rnn, (TANH, changed), *bugs)


def off(error: float, *bugs: tuple[str, str]) -> Candidate:
    """Return the model with another tanh: one whose result is slightly off."""
    changed = f"h[t + 1] = np.tanh(wx[t] + Whh @ h[t]) * (1 + {error})"
    return edited(char_rnn, (TANH, changed), *bugs)


def test_few_digits_may_be_enough() -> None:
    """A tanh that is off by 1e-8 matches to 4 digits, which is noted, but not to 9."""
    report = verify(approximate(1e-8), digits=4, cases=40)

    assert report.ok
    assert any("agrees to the digits= asked for" in note for note in report.notes)
    assert report.options == {"digits": 4}
    assert verify(approximate(1e-8), digits=9).verdict in ("inaccurate", "wrong")
    assert not verify(approximate(1e-8)).ok


@pytest.mark.parametrize("clip", ["none", "value", "global-norm"])
@pytest.mark.parametrize("candidate", [off(1e-6), approximate(1e-5)])
def test_an_approximate_tanh_passes_whole_runs(candidate: Candidate, clip: str) -> None:
    """In 200 cases none is wrong, and enough say something, though some amplify its errors."""
    report = verify(candidate, digits=4, cases=200, clip=clip)

    assert set(report.counts) <= {"match", "zero", "inconclusive"}
    assert report.ok


@pytest.mark.parametrize("bug", [TRANSPOSE, CARRY, SIGN])
@pytest.mark.parametrize("make", [off, approximate])
def test_in_approximate_code_bugs_are_found(
    make: Callable[..., Candidate], bug: tuple[str, str]
) -> None:
    """A missing transpose or carry, or a sign, is wrong, whether the tanh is exact or not."""
    for candidate in (edited(char_rnn, bug), make(1e-6, bug)):
        report = verify(candidate, digits=4, cases=200)

        assert report.verdict == "wrong"
        assert report.counts["wrong"] > 50
        assert report.failure is not None
        worst = report.failure.verdict.worst
        assert worst is not None
        assert worst.tolerance > 1e-7 * abs(worst.want), "as it was judged"


def test_of_approximate_code_with_a_bug_the_backward_pass_is_to_blame() -> None:
    """A loss that agrees to as many digits as are enough is right."""
    report = verify(approximate(1e-5, TRANSPOSE), digits=4, cases=40)

    assert report.failure is not None
    assert report.failure.fault is not None
    assert report.failure.fault.side == "backward"
    assert "its loss is right" in report.failure.fault.text
    assert not any("the loss differs" in note for note in report.notes)


@pytest.mark.parametrize("digits", [0.5, 1, 2, 3])
def test_even_the_fewest_digits_do_not_pass_everything(digits: float) -> None:
    """Zeros, or gradients of the other sign, are wrong or at least not shown to be right."""

    def zeros(case: Case) -> dict[str, Array]:
        return {name: np.zeros_like(case[name]) for name in char_rnn.WEIGHTS}

    def ascends(case: Case) -> dict[str, Array]:
        return {name: -g for name, g in char_rnn.gradients(case).items()}

    for candidate in (zeros, ascends, mended(char_rnn.gradients, "Whh", np.negative)):
        assert not verify(candidate, digits=digits, cases=100).ok
    assert verify(char_rnn.gradients, digits=digits, cases=100).ok


def test_where_errors_grow_too_much_nothing_is_said() -> None:
    """A case that amplifies errors of 1e-4 a thousandfold tells no bug from them, but matches."""
    case = char_rnn_case(Whh=4 * np.eye(3)[::-1], T=10)
    wrong = mended(char_rnn.gradients, "Whh", np.negative)
    verdict = check(case, wrong, digits=4)

    assert verdict.kind == "inconclusive"
    assert verdict.message == "errors of as many digits as are enough are amplified too much"
    assert check(case, wrong).kind == check(case, wrong, digits=9).kind == "wrong"
    assert check(case, char_rnn.gradients, digits=4).kind == "match"


def test_digits_are_those_of_the_largest_entry() -> None:
    """In one case, 1e-5 off is right to 4 digits and wrong to 7, whatever small entries lose."""
    case = char_rnn_case()
    verdict = check(case, approximate(1e-5), digits=4)

    assert verdict.kind == "match"
    assert all(each.tolerated for each in verdict.comparisons)
    assert check(case, approximate(1e-5), digits=7).kind == "wrong"


def test_digits_that_are_there_are_no_note() -> None:
    """Exact code is told nothing of the digits asked for."""
    assert verify(char_rnn.gradients, digits=4).notes == ()


@pytest.mark.parametrize("change", [np.negative, lambda g: g * np.nan, lambda g: g * 1.01])
def test_few_digits_excuse_no_bug(change: Callable[[Array], Array]) -> None:
    """A sign, NaN or one per cent do not match to 4 digits."""
    report = verify(mended(char_rnn.gradients, "Whh", change), digits=4, cases=200)

    assert report.verdict in ("wrong", "nonfinite")


@pytest.mark.parametrize("digits", [0, -1, 18, np.nan])
def test_digits_must_make_sense(digits: float) -> None:
    """None, fewer than none, and more than a float holds are refused."""
    with pytest.raises(UsageError, match=r"digits: .* makes no sense"):
        make_terms(digits=digits)


@pytest.mark.parametrize("timeout", [0, -1.0, np.nan])
def test_a_timeout_must_be_some_time(timeout: float) -> None:
    """No time, less, and NaN are refused."""
    with pytest.raises(UsageError, match=r"timeout: .* is no time"):
        make_terms(timeout=timeout)


@pytest.mark.parametrize("T", ["1..3", (1, 3), [1, 3]])
def test_sizes_are_respected(T: Any) -> None:
    """One size, or the least and the largest, however written; other axes stay as they are."""
    seen: list[Mapping[str, int]] = []

    def remember(case: Case) -> dict[str, Array]:
        seen.append(case.dims)
        return char_rnn.gradients(case)

    assert verify(remember, dims={"H": 5, "T": T}).ok
    assert {dims["H"] for dims in seen} == {5}
    assert {dims["T"] for dims in seen} == {1, 2, 3}
    assert len({dims["V"] for dims in seen}) > 3


def test_sizes_beyond_the_usual_are_made() -> None:
    """A size that is built in may be larger than those that are generated otherwise."""
    assert verify(char_rnn.gradients, cases=3, dims={"H": "33", "T": 2}).ok


@pytest.mark.parametrize(
    ("dims", "words"),
    [
        ({"Q": 3}, r"'Q' is no axis of char_rnn; those are T \(time steps\), V"),
        ({"H": 0}, "H = 0 is no size"),
        ({"H": (3, 2)}, r"H = \(3, 2\) is no size"),
        ({"H": "1.5"}, "H = '1.5' is no size"),
        ({"H": 2.0}, "H = 2.0 is no size"),
        ({"H": (1, 2, 3)}, "is no size"),
        ({"H": ""}, "is no size"),
        ({"H": "..8"}, "is no size"),
        ({"H": None}, "is no size"),
    ],
)
def test_bad_sizes_are_named(dims: dict[str, Any], words: str) -> None:
    """The error shows the axis and the size, and says what would be one."""
    with pytest.raises(UsageError, match=f"^dims: .*{words}"):
        Restrictions.of(CHAR_RNN, dims, None)


def test_a_size_may_be_any_integer() -> None:
    """NumPy's integers are whole numbers, too, as they are in a pair."""
    assert Restrictions.of(CHAR_RNN, {"H": np.int64(3)}, None).dims == {"H": (3, 3)}  # type: ignore[dict-item]


def test_a_limit_of_the_system_holds() -> None:
    """Where a reference enumerates, sizes are bounded."""
    rtrbm = rnnverify.find_system("rtrbm")

    assert Restrictions.of(rtrbm, {"H": 10}, None).dims == {"H": (10, 10)}
    with pytest.raises(UsageError, match="dims: H = 11 is too large; rtrbm takes 10"):
        Restrictions.of(rtrbm, {"H": 11}, None)


def test_strict_triangles_may_be_fixed_at_zero_only() -> None:
    """What a system says of an array's entries holds for those that are fixed, too."""
    assert Restrictions.of(WERBOS, None, {"W": 0}).fixed == {"W": 0}
    with pytest.raises(UsageError, match="W must be zero on and above its diagonal"):
        Restrictions.of(WERBOS, None, {"W": 1})


@pytest.mark.parametrize("system", [CHAR_RNN, ELMAN])
def test_nothing_declared_restricts_nothing(system: Any) -> None:
    """Without dims and fixed, there is neither."""
    made = Restrictions.of(system, None, None)

    assert (dict(made.dims), dict(made.fixed)) == ({}, {})
