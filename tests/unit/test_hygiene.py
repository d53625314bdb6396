"""Hygiene: what a candidate must do to be a function of its case, and what is said otherwise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnverify
from rnnverify import execution, hygiene
from rnnverify.errors import NondeterministicError
from rnnverify.hygiene import CHECKS, not_repeatable, not_zero_for_zero
from rnnverify.models import char_rnn, elman
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.results import Report
from rnnverify.terms import CONTRACT
from tests.support import char_rnn_case, mended

OK = dict.fromkeys(CHECKS, "ok")


def verify(candidate: Candidate, *, cases: int = 20, **declared: Any) -> Report:
    """Verify on few cases of char_rnn."""
    return rnnverify.verify(candidate, "char_rnn", cases=cases, **declared)


class Adding:
    """Adds every call's gradients to those of the calls before, as ``.grad`` does in PyTorch."""

    def __init__(self, decay: float = 1.0) -> None:
        self.decay = decay
        self.sums: dict[str, Array] = {}

    def __call__(self, case: Case) -> dict[str, Array]:
        """Return the sums; they begin anew where shapes change."""
        for name, gradient in char_rnn.gradients(case).items():
            before = self.sums.get(name, np.zeros(1))
            kept = before if before.shape == gradient.shape else np.zeros_like(gradient)
            self.sums[name] = self.decay * kept + gradient
        return {name: self.sums[name].copy() for name in (*char_rnn.WEIGHTS, "h0")}


class Moving:
    """Changes dWhh by other amounts from call to call."""

    def __init__(self, *changes: float) -> None:
        self.changes = changes
        self.calls = 0

    def __call__(self, case: Case) -> dict[str, Array]:
        """Return the model's gradients, dWhh changed relatively."""
        change = self.changes[min(self.calls, len(self.changes) - 1)]
        self.calls += 1
        returned = char_rnn.gradients(case)
        return returned | {"Whh": returned["Whh"] * (1 + change)}


def said_of(candidate: Candidate, case: Case | None = None) -> str:
    """Return what is said of a candidate that is called again on one case; "" if nothing is."""
    finding = not_repeatable(case or char_rnn_case(), Clip(), candidate, CONTRACT)
    return "" if finding is None else finding.verdict.message


def test_a_function_of_its_case_is_clean() -> None:
    """Of the model every check says ok."""
    assert verify(char_rnn.gradients).hygiene == OK


def test_nothing_is_claimed_that_was_not_checked() -> None:
    """A candidate that always raises is neither repeatable nor not."""

    def raises(_case: Case) -> dict[str, Array]:
        raise NotImplementedError

    assert verify(raises).hygiene == dict.fromkeys(CHECKS, "not checked")


def test_accumulation_is_named() -> None:
    """Gradients that are added up are called that, and how to mend it is said."""
    report = verify(Adding())

    assert report.verdict == "nondeterministic"
    assert sum(report.counts.values()) == report.cases == 1
    assert "gradients are added to those of the call before" in report.hygiene["repeatable"]
    assert "set them to zero at the start" in str(report)
    assert report.failure is not None
    assert report.failure.fault is None


@pytest.mark.parametrize("calls", [0, 1, 3, 30])
def test_accumulation_is_known_from_any_call_on(calls: int) -> None:
    """However often it was called before, what is added is the same in every call."""
    adding, case = Adding(), char_rnn_case()
    for _ in range(calls):
        adding(case)

    assert "gradients are added" in said_of(adding)


def test_momentum_is_not_accumulation() -> None:
    """What is added must be the same from call to call to be named so."""
    message = said_of(Adding(decay=0.9))

    assert message
    assert "gradients are added" not in message


def test_state_kept_between_calls_is_named() -> None:
    """Where only the first call differs, something was kept from it."""
    assert said_of(Moving(0.0, 0.5)).endswith("some state is kept between calls")


def test_noise_is_measured_and_named() -> None:
    """The array that moves most is named, and how much of its largest entry it moves."""
    message = said_of(Moving(0.0, 0.001, 0.003))

    assert message.startswith("it is not deterministic, or keeps state between calls: ")
    assert "on the same case, dWhh moves by 0.003 of its largest entry" in message


@pytest.mark.parametrize("calls", [2, 3, 4])
def test_a_run_ends_where_results_change(calls: int) -> None:
    """Nothing that such a candidate does later would mean anything: it is not called again."""
    moving = Moving(*[0.0] * (calls - 1), *[0.5**n for n in range(40)])
    report = verify(moving)

    assert report.verdict == "nondeterministic"
    assert moving.calls <= calls + 4
    with pytest.raises(NondeterministicError, match=r"not deterministic|kept between"):
        report.raise_for_mismatch()


@pytest.mark.parametrize("change", [1e-16, 3e-16])
def test_differences_within_the_tolerance_are_no_finding(change: float) -> None:
    """Sums in another order in every call, as on a GPU, are accused of nothing."""
    changes = np.random.default_rng(0).uniform(-change, change, 200)
    report = verify(Moving(*changes))

    assert report.ok
    assert report.hygiene == OK


def test_differences_beyond_it_are() -> None:
    """Noise of 1e-12 is found."""
    changes = np.random.default_rng(0).uniform(-1e-12, 1e-12, 200)

    assert verify(Moving(*changes)).verdict == "nondeterministic"


def test_only_the_first_cases_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a candidate that goes on, three cases take two calls more, and one a call without loss."""
    steady = Moving(0.0)
    verify(steady, cases=20)
    calls = steady.calls
    monkeypatch.setattr(execution, "EXAMINED", 0)
    steady = Moving(0.0)
    verify(steady, cases=20)

    assert (calls, steady.calls) == (20 + 3 * 2 + 1, 20 + 1)


def test_without_the_check_noise_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this check that finds state: where each case is asked once, the first call is right."""
    monkeypatch.setattr(execution, "EXAMINED", 0)

    assert verify(Moving(*[0.0] * 21, 0.5)).ok


def test_a_gradient_that_comes_and_goes_is_named() -> None:
    """A candidate that returns dh0 in every other call does not return the same."""
    calls = 0

    def fickle(case: Case) -> dict[str, Array]:
        nonlocal calls
        calls += 1
        returned = char_rnn.gradients(case)
        return {n: g for n, g in returned.items() if n != "h0" or calls % 2}

    assert said_of(fickle)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_now_and_then_is_named(bad: float) -> None:
    """What is infinite in one call and finite in the next stops nothing."""
    moving, signs = Moving(0.0), iter([bad, 0.0, bad, 0.0])
    candidate = mended(moving, "bh", lambda g: g + next(signs))

    assert said_of(candidate)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_what_is_never_finite_is_repeatable(bad: float) -> None:
    """NaN that comes again is the same, and is left to the comparison with the reference."""
    candidate = mended(char_rnn.gradients, "bh", lambda g: g * bad)

    assert said_of(candidate) == ""
    assert verify(candidate).verdict == "nonfinite"


def writes(case: Case) -> dict[str, Array]:
    """Write into an input after all is done."""
    returned = char_rnn.gradients(case)
    case["Whh"][:] = 0
    return returned


def hands_back(case: Case) -> dict[str, Array]:
    """Return an input as a gradient."""
    return char_rnn.gradients(case) | {"h0": case["h0"]}


def hands_back_a_view(case: Case) -> dict[str, Array]:
    """Return a view of an input as a gradient."""
    return char_rnn.gradients(case) | {"Whh": case["Whh"].T}


@pytest.mark.parametrize(
    ("candidate", "check", "words"),
    [
        (writes, "inputs_unmodified", "wrote into its input Whh; work on a copy: Whh.copy()"),
        (hands_back, "own_memory", "gradient of h0 shares memory with the input h0"),
        (hands_back_a_view, "own_memory", "gradient of Whh shares memory with the input Whh"),
    ],
)
def test_a_breach_is_named_in_the_report(candidate: Candidate, check: str, words: str) -> None:
    """The check that fails says what was done; none that could not be made says ok."""
    report = verify(candidate)

    assert report.verdict == "invalid"
    assert words in report.hygiene[check]
    assert set(report.hygiene.values()) == {"not checked", report.hygiene[check]}


def decayed(case: Case) -> dict[str, Array]:
    """Add a weight decay that is no part of the loss."""
    returned = char_rnn.gradients(case)
    return returned | {"Why": returned["Why"] + 1e-3 * case["Why"]}


def normalised(case: Case) -> dict[str, Array]:
    """Divide by the sum of the losses' weights, and multiply by it."""
    total = case["loss_weights"].sum()
    return {name: g / total * total for name, g in char_rnn.gradients(case).items()}


@pytest.mark.parametrize(("candidate", "kind"), [(decayed, "wrong"), (normalised, "nonfinite")])
def test_nothing_must_give_nothing(candidate: Candidate, kind: str) -> None:
    """With losses of weight 0 all gradients are 0: neither a decay nor NaN."""
    finding = not_zero_for_zero(char_rnn_case(), Clip(), candidate, CONTRACT)

    assert finding is not None
    assert (finding.check, finding.verdict.kind) == ("zero_upstream", kind)
    assert finding.verdict.text.startswith("char_rnn: with loss_weights at 0, d")
    assert not_zero_for_zero(char_rnn_case(), Clip(), char_rnn.gradients, CONTRACT) is None


@pytest.mark.parametrize("clip", ["none", "value:1", "global-norm:1"])
def test_nothing_that_gives_nan_fails_a_run(clip: str) -> None:
    """Even where all generated cases match, the run does not."""
    report = verify(normalised, clip=clip)

    assert report.counts.get("match", 0) > 15
    assert report.verdict == "nonfinite"
    assert "nan, but should be 0" in report.hygiene["zero_upstream"]
    assert report.failure is not None
    assert not report.failure.verdict.case["loss_weights"].any()


def test_without_the_check_nan_for_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this check that finds it."""
    monkeypatch.setattr(execution, "not_zero_for_zero", lambda *_: None)

    assert verify(normalised).ok


def test_a_layer_with_no_upstream_gradient_gives_nothing() -> None:
    """A layer's upstream gradients are what is set to zero there."""

    def normalised(case: Case) -> dict[str, Array]:
        total = np.abs(case["G"]).max()
        return {name: g / total * total for name, g in elman.gradients(case).items()}

    report = rnnverify.verify(normalised, "elman", cases=8)

    assert report.verdict == "nonfinite"
    assert report.hygiene["zero_upstream"] != "ok"


def test_what_raises_for_nothing_is_not_ok() -> None:
    """A candidate that cannot take losses of weight 0 did not pass the check."""

    def raises(case: Case) -> dict[str, Array]:
        assert case["loss_weights"].any()
        return char_rnn.gradients(case)

    report = verify(raises)

    assert report.verdict == "invalid"
    assert "with loss_weights at 0, the candidate raised" in report.hygiene["zero_upstream"]


@pytest.mark.parametrize("first", [Adding, lambda: writes, lambda: decayed])
def test_a_candidate_leaves_nothing_to_the_next(first: Callable[[], Candidate]) -> None:
    """What was found out about one is not told of another."""
    assert verify(first()).hygiene != OK
    assert verify(char_rnn.gradients).hygiene == OK


def test_every_check_has_a_name_of_its_own() -> None:
    """Reports name the same four, in the same order."""
    assert tuple(verify(char_rnn.gradients, cases=3).hygiene) == hygiene.CHECKS
