"""gradient_test's arguments, what adapters may do besides, and assert_gradients_match."""

import threading
import unittest
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import Phase, settings

import rnnverify
from rnnverify import errors
from rnnverify.builtin import CHAR_RNN
from rnnverify.models import char_rnn, elman
from rnnverify.records import Array, Case
from tests.support import char_rnn_case, mended

quick = settings(database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


def right(case: Case) -> dict[str, Any]:
    """Return the model's gradients."""
    return dict(char_rnn.gradients(case))


wrong = mended(right, "Whh", np.negative)


def run(adapter: Callable[[Case], Any], system: str = "char_rnn", **options: Any) -> Any:
    """Make a test of an adapter, run it, and return it."""

    def test(case: Case) -> Any:
        return adapter(case)

    made: Any = rnnverify.gradient_test(system, **{"cases": 6, **options})(quick(test))
    made()
    return made


def test_each_case_is_checked_under_every_clip() -> None:
    """With several clips, there is a report on each, over the same cases."""
    trial = run(right, clip=["none", "value:5", "norm"]).rnnverify_trial

    assert [report.clip for report in trial.reports] == ["none", "value:5", "norm"]
    assert {report.cases for report in trial.reports} == {6}


def test_a_bug_under_one_clip_only_is_found() -> None:
    """What is right without a clip, and ignores the clip, fails under it alone."""

    def unclipped(case: Case) -> Any:
        return right(case.replace(clip=rnnverify.Clip()))

    run(unclipped)
    with pytest.raises(errors.MismatchError, match=r"^wrong: "):
        run(unclipped, clip=["none", "value"])


def test_a_clip_may_say_itself_what_it_covers() -> None:
    """A Clip's own ``over`` is kept, unless ``clip_over=`` says something else."""
    seen: list[tuple[str, ...] | None] = []

    def watching(case: Case) -> Any:
        seen.append(case.clip.over)
        return right(case)

    over = char_rnn.WEIGHTS[::-1]
    run(watching, clip=rnnverify.Clip("value", 5, over=over))
    assert set(seen) == {over}

    run(watching, clip=rnnverify.Clip("value", 5, over=over), clip_over=char_rnn.WEIGHTS)
    assert seen[-1] == char_rnn.WEIGHTS


def test_sizes_and_values_are_as_asked_for() -> None:
    """Each case that the adapter sees has the dtype, sizes and arrays that are asked for."""

    def adapter(case: Case) -> Any:
        assert case.dtype == "float32"
        assert case.dims["H"] == 4
        assert not case["h0"].any()
        return right(case)

    run(adapter, dtype="float32", dims={"H": 4}, fixed={"h0": 0})


def test_lengths_and_truncation_are_as_asked_for() -> None:
    """A system with batches has lengths; one with a model that truncates sees that it must."""

    def with_lengths(case: Case) -> Any:
        assert "lengths" in case
        return elman.gradients(case)

    def truncated(case: Case) -> Any:
        assert str(case.truncation) == "2"
        assert CHAR_RNN.truncated_gradients is not None
        return CHAR_RNN.truncated_gradients(case)

    run(with_lengths, "elman", lengths=True)
    run(truncated, truncate=2)
    with pytest.raises(errors.MismatchError, match=r"^wrong: "):
        run(right, truncate=1, cases=20)


def test_a_factor_may_be_wanted() -> None:
    """With ``scale=``, gradients of the mean are right, and those of the sum are not."""

    def mean(case: Case) -> Any:
        returned = right(case)
        return {name: returned[name] / case.dims["T"] for name in returned if name != "loss"}

    run(mean, scale="1/T")
    with pytest.raises(errors.MismatchError, match=r"^scaled: "):
        run(right, scale="1/T", cases=20)


def test_some_gradients_may_be_enough() -> None:
    """Only those that ``gradients=`` names must be returned, and right."""

    def only(case: Case) -> Any:
        return {"Why": right(case)["Why"]}

    run(only, gradients=["Why"])
    run(wrong, gradients=["Why"])
    with pytest.raises(errors.InvalidCandidateError):
        run(only)


def test_few_digits_may_be_enough() -> None:
    """``digits=`` lets small errors pass, and no large ones."""
    off = mended(right, "Whh", lambda dWhh: dWhh * (1 + 1e-9))
    run(off, digits=5)
    with pytest.raises(errors.MismatchError, match=r"^wrong: "):
        run(wrong, digits=5)


def test_a_call_that_never_ends_fails() -> None:
    """An adapter that hangs is left behind after ``timeout=``, and is not called again."""
    event = threading.Event()
    with pytest.raises(errors.InvalidCandidateError, match="did not return within"):
        run(lambda _: event.wait(30), timeout=0.3)


@pytest.mark.parametrize(
    "error",
    [
        unittest.SkipTest("why not"),
        pytest.skip.Exception("why not"),
        pytest.fail.Exception("why not"),
        pytest.xfail.Exception("why not"),
    ],
)
def test_what_is_for_the_test_runner_is_passed_on(error: BaseException) -> None:
    """Skipping, failing and expecting to fail, said in an adapter, are no invalid gradients."""

    def adapter(_: Case) -> Any:
        raise error

    with pytest.raises(type(error), match="why not"):
        run(adapter)


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_a_case_may_be_turned_away(timeout: float | None) -> None:
    """``assume`` in an adapter draws another case in place of one that it does not like."""
    sizes: set[int] = set()

    def adapter(case: Case) -> Any:
        hypothesis.assume(case.dims["T"] > 2)
        sizes.add(case.dims["T"])
        return right(case)

    run(adapter, timeout=timeout)
    assert min(sizes) > 2


def test_a_case_that_is_turned_away_does_not_count() -> None:
    """A test that passes is a match, whatever it has turned away."""

    def adapter(case: Case) -> Any:
        hypothesis.assume(case.dims["T"] > 2)
        return right(case)

    (report,) = run(adapter, timeout=None).rnnverify_trial.reports
    assert report.verdict == "match"


def test_what_is_for_hypothesis_reaches_it() -> None:
    """Notes, events and targets are said as in any test, however often the adapter is called."""
    reached: list[str] = []

    def adapter(case: Case) -> Any:
        hypothesis.note("a note")
        hypothesis.event("an event")
        hypothesis.target(float(case.dims["T"]))
        reached.append("the end")
        return right(case)

    run(adapter)
    run(adapter, timeout=None, clip=["none", "value"])
    assert reached


def test_an_adapter_needs_an_argument() -> None:
    """A function that takes no case, or only ``self``, is refused where it is made."""
    with pytest.raises(errors.UsageError, match="nothing takes no argument; its first must be"):

        @rnnverify.gradient_test("char_rnn")
        def nothing() -> Any:
            return {}

    with pytest.raises(errors.UsageError, match=r"Own\.method takes no argument"):

        class Own:
            @rnnverify.gradient_test("char_rnn")
            def method(self) -> Any:
                return {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"system": "lstn"}, "did you mean 'lstm'"),
        ({"dtype": "float16"}, "unknown 'float16'"),
        ({"clip": "clamp"}, "unknown 'clamp'"),
        ({"clip": ["none", "clamp"]}, "unknown 'clamp'"),
        ({"clip_over": ["nothing"]}, "clip_over: nothing is no array"),
        ({"cases": -1}, "-1 is too few"),
        ({"gradients": ["nothing"]}, "gradients: nothing is no array"),
        ({"scale": "1/Q"}, "Q"),
        ({"dims": {"Q": 1}}, "'Q' is no axis"),
        ({"fixed": {"nothing": 0}}, "fixed: nothing is no array"),
        ({"digits": 0}, "makes no sense"),
        ({"timeout": 0}, "is no time"),
        ({"truncate": 16}, "cuts nothing"),
        ({"lengths": True}, "reads one sequence"),
        ({"cases": 0}, "0 is too few"),
        ({"clip": []}, "clip: none is named"),
        ({"system": right}, "system"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], said: str) -> None:
    """An argument that makes no sense is a UsageError before any test is run."""
    with pytest.raises(errors.UsageError, match=said):
        rnnverify.gradient_test(**{"system": "char_rnn", **options})


def test_right_gradients_of_one_case_are_asserted() -> None:
    """The verdict comes back, and is a match."""
    case = char_rnn_case()

    assert rnnverify.assert_gradients_match(case, right(case)).ok


def test_several_kinds_of_failure_are_one() -> None:
    """An adapter that is wrong in some cases and raises in others fails an assertion."""

    def adapter(case: Case) -> Any:
        return wrong(case) if case.dims["T"] > 2 else {}

    shrunk = settings(database=None, derandomize=True)(adapter)
    with pytest.raises(errors.MismatchError):
        rnnverify.gradient_test("char_rnn", cases=30)(shrunk)()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda g: {**g, "Whh": -g["Whh"]}, errors.WrongGradientError),
        (lambda g: {**g, "Whh": g["Whh"] * np.nan}, errors.NonfiniteGradientError),
        (lambda g: {**g, "Whh": g["Whh"][0]}, errors.InvalidCandidateError),
        (lambda g: {"Whh": g["Whh"]}, errors.InvalidCandidateError),
        (lambda g: {n: 2 * a for n, a in g.items() if n != "loss"}, errors.ScaledGradientError),
    ],
)
def test_wrong_gradients_of_one_case_are_told(
    change: Callable[[dict[str, Array]], Any], wanted: type[AssertionError]
) -> None:
    """What is wrong has its class, and the case stands below the message."""
    case = char_rnn_case(T=2, V=2, H=2)
    with pytest.raises(errors.MismatchError) as raised:
        rnnverify.assert_gradients_match(case, change(right(case)))

    assert type(raised.value) is wanted
    assert any("Case of char_rnn: T=2 V=2 H=2" in note for note in raised.value.__notes__)


def test_one_case_may_be_held_to_less() -> None:
    """A factor, a few digits and a few arrays are asked for by name, and nothing else passes."""
    case = char_rnn_case()
    gradients = {n: a for n, a in right(case).items() if n != "loss"}
    halves = {name: array / 2 for name, array in gradients.items()}
    off = {name: array * (1 + 1e-9) for name, array in gradients.items()}
    match = rnnverify.assert_gradients_match

    assert match(case, halves, scale=0.5).ok
    assert match(case, off, digits=6).ok
    assert match(case, {"by": gradients["by"]}, only=["by"]).ok
    less: list[tuple[dict[str, Array], dict[str, Any]]] = [
        (halves, {"scale": "1/T"}),
        (off, {"digits": 12}),
        ({"by": -gradients["by"]}, {"only": ["by"]}),
    ]
    for returned, options in less:
        with pytest.raises(errors.MismatchError):
            match(case, returned, **options)


def test_a_case_that_says_nothing_is_no_failure() -> None:
    """Where rounding alone moves a gradient, whatever is returned is inconclusive."""
    case = char_rnn_case(Why=np.full((4, 3), 1e200), h0=np.full(3, 1e300))
    verdict = rnnverify.assert_gradients_match(case, right(case))

    assert verdict.kind == "inconclusive"
