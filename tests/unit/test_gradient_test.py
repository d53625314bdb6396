"""gradient_test: what the decorator makes is a Hypothesis test, and fails as its adapter does."""

import inspect
import time
import unittest
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis.errors import DeadlineExceeded, HypothesisException

import rnnverify
from rnnverify import errors
from rnnverify.models import char_rnn
from rnnverify.records import Array, Case
from tests.support import char_rnn_case, mended

Adapter = Callable[..., Any]
REASON = "not today"
quick = settings(database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


def made_of(adapter: Adapter, *, cases: int | None = 8, **options: Any) -> Callable[..., None]:
    """Return a test of an adapter for char_rnn, which stores nothing and does not shrink."""

    def test(case: Case) -> Any:
        return adapter(case)

    return rnnverify.gradient_test("char_rnn", cases=cases, **options)(quick(test))


def cases_of(test: Any) -> int:
    """Return how many cases a test has run."""
    trial: Any = test.rnnverify_trial
    return int(trial.reports[0].cases)


def right(case: Case) -> dict[str, Any]:
    """Return the model's gradients."""
    return dict(char_rnn.gradients(case))


wrong = mended(right, "Whh", np.negative)


def doubled(case: Case) -> dict[str, Any]:
    return {name: 2 * value for name, value in right(case).items() if name != "loss"}


def noisy() -> Adapter:
    random = np.random.default_rng(0)
    return mended(right, "Whh", lambda dWhh: dWhh * (1 + random.normal(size=dWhh.shape)))


def raising(error: type[BaseException]) -> Adapter:
    def adapter(_: Case) -> Any:
        raise error(REASON)

    return adapter


def incomplete(case: Case) -> dict[str, Any]:
    return {name: value for name, value in right(case).items() if name != "Whh"}


def writing(case: Case) -> dict[str, Any]:
    case["bh"][:] += 1.0
    return right(case)


BROKEN: dict[str, tuple[Adapter, type[errors.MismatchError]]] = {
    "nondeterministic": (noisy(), errors.NondeterministicError),
    "raises": (raising(ZeroDivisionError), errors.InvalidCandidateError),
    "exits": (raising(SystemExit), errors.InvalidCandidateError),
    "writes": (writing, errors.InvalidCandidateError),
    "incomplete": (incomplete, errors.InvalidCandidateError),
    "none": (lambda _: None, errors.InvalidCandidateError),
}
DIFFERING: dict[str, Adapter] = {
    "wrong": wrong,
    "inaccurate": mended(right, "Whh", lambda dWhh: dWhh * (1 + 1e-9)),
    "scaled": doubled,
    "nonfinite": mended(right, "Whh", lambda dWhh: dWhh * np.nan),
}


def test_right_gradients_pass() -> None:
    """The model passes, in every case that is run."""
    test = made_of(right)
    test()

    assert cases_of(test) == 8


@pytest.mark.parametrize("kind", BROKEN)
def test_what_gives_no_gradients_has_its_class(kind: str) -> None:
    """Code that is broken can be told by the exception's class; all of them fail an assertion."""
    adapter, wanted = BROKEN[kind]
    with pytest.raises(AssertionError) as raised:
        made_of(adapter)()

    assert type(raised.value) is wanted
    assert isinstance(raised.value, errors.MismatchError)
    assert isinstance(raised.value.verdict, rnnverify.Verdict)
    assert raised.value.verdict.failed


@pytest.mark.parametrize("kind", DIFFERING)
def test_all_kinds_of_wrong_gradients_are_one_class(kind: str) -> None:
    """Hypothesis takes them for one bug, of which the message says the kind, and the entry."""
    with pytest.raises(AssertionError, match=rf"^{kind}: char_rnn: d\w+\[.*\] = .* ± ") as raised:
        made_of(DIFFERING[kind])()

    assert type(raised.value) is errors.MismatchError
    assert isinstance(raised.value.verdict, rnnverify.Verdict)
    assert raised.value.verdict.kind == kind


def test_an_adapters_own_traceback_is_in_the_message() -> None:
    """Where an adapter raises is shown, without the frames of this package."""
    with pytest.raises(errors.InvalidCandidateError) as raised:
        made_of(raising(ZeroDivisionError))()

    assert "ZeroDivisionError: not today" in str(raised.value)
    assert "in adapter" in str(raised.value)
    assert "calling.py" not in str(raised.value)


def test_a_failure_is_shrunk() -> None:
    """The case that is shown is small: one step, and one hidden unit."""
    test = rnnverify.gradient_test("char_rnn", cases=8)(settings(database=None)(wrong))
    with pytest.raises(errors.MismatchError, match=r"^wrong: ") as raised:
        test()

    assert isinstance(raised.value.verdict, rnnverify.Verdict)
    assert dict(raised.value.verdict.case.dims) == {"T": 1, "V": 2, "H": 1}


def test_a_test_keeps_its_name() -> None:
    """Test runners see the adapter's name and docstring, and no argument that they must give."""

    @rnnverify.gradient_test("char_rnn")
    def test_mine(case: Case, factor: float) -> Any:
        """Say what is claimed."""
        return {name: factor * value for name, value in right(case).items()}

    assert test_mine.__name__ == "test_mine"
    assert test_mine.__doc__ == "Say what is claimed."
    assert list(inspect.signature(test_mine).parameters) == ["factor"]


def test_other_arguments_are_handed_on() -> None:
    """What a fixture gives reaches the adapter, whatever its first argument is called."""

    @rnnverify.gradient_test("char_rnn", cases=4)
    @quick
    def test(anything: Case, factor: float) -> Any:
        return {"Whh": factor * right(anything)["Whh"]} | (right(anything) if factor == 1 else {})

    test(factor=1.0)
    with pytest.raises(errors.InvalidCandidateError, match="Wxh"):
        test(factor=2.0)


class Methods:
    """Tests that are methods, of one instance that knows what to do."""

    sign = 1.0

    @rnnverify.gradient_test("char_rnn", cases=4)
    @quick
    def check(self, case: Case) -> Any:
        """Return gradients, those of Whh with this instance's sign."""
        return mended(right, "Whh", lambda dWhh: self.sign * dWhh)(case)


def test_methods_know_their_instance() -> None:
    """The first argument after ``self`` is the case."""
    methods = Methods()
    methods.check()
    methods.sign = -1.0
    with pytest.raises(errors.MismatchError, match=r"^wrong: "):
        methods.check()


@pytest.mark.parametrize(("sign", "failures"), [(1.0, 0), (-1.0, 1)])
def test_unittest_runs_it(sign: float, failures: int) -> None:
    """A method of a TestCase is run with ``setUp``, and fails, rather than being an error."""

    class Case_(unittest.TestCase):  # noqa: N801 - Case is taken
        def setUp(self) -> None:
            self.sign = sign

        @rnnverify.gradient_test("char_rnn", cases=4)
        @quick
        def test_gradients(self, case: Case) -> Any:
            return mended(right, "Whh", lambda dWhh: self.sign * dWhh)(case)

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case_).run(result)

    assert (result.testsRun, len(result.failures), len(result.errors)) == (1, failures, 0)


@pytest.mark.parametrize("order", ["above", "below"])
def test_settings_say_how_many_cases(order: str) -> None:
    """``@settings`` counts on either side of ``@gradient_test``."""
    few, make = settings(quick, max_examples=3), rnnverify.gradient_test("char_rnn")

    def test(case: Case) -> Any:
        return right(case)

    made: Any = few(make(test)) if order == "above" else make(few(test))
    made()

    assert cases_of(made) == 3


def test_cases_says_how_many() -> None:
    """``cases=`` comes before what settings below it say."""
    test = rnnverify.gradient_test("char_rnn", cases=5)(settings(quick, max_examples=3)(right))
    test()

    assert cases_of(test) == 5


@pytest.fixture
def deadline() -> Iterator[None]:
    """Let Hypothesis have its usual deadline, but a shorter one."""
    before = settings.get_current_profile_name()
    settings.register_profile("hurry", quick, deadline=timedelta(milliseconds=40))
    settings.load_profile("hurry")
    yield
    settings.load_profile(before)


def slow(case: Case) -> Any:
    """Take longer than the deadline."""
    time.sleep(0.1)
    return right(case)


@pytest.mark.usefixtures("deadline")
def test_there_is_no_deadline() -> None:
    """The default deadline, which compiling always misses, does not apply."""

    def test(case: Case) -> Any:
        return slow(case)

    rnnverify.gradient_test("char_rnn", cases=1)(test)()
    rnnverify.gradient_test("char_rnn")(settings(max_examples=1)(test))()


@pytest.mark.usefixtures("deadline")
def test_settings_above_bring_the_default_deadline_back() -> None:
    """Outside pytest, settings above the decorator are the last word, as its docstring says."""

    def test(case: Case) -> Any:
        return slow(case)

    with pytest.raises((DeadlineExceeded, HypothesisException)):
        settings(max_examples=1)(rnnverify.gradient_test("char_rnn")(test))()


@pytest.mark.usefixtures("deadline")
@pytest.mark.parametrize("order", ["above", "below"])
def test_a_deadline_that_is_asked_for_is_kept(order: str) -> None:
    """Who says how long a case may take is taken at their word."""
    hurry, make = settings(max_examples=1, deadline=50), rnnverify.gradient_test("char_rnn")

    def test(case: Case) -> Any:
        return slow(case)

    made: Any = hurry(make(test)) if order == "above" else make(hurry(test))
    with pytest.raises((DeadlineExceeded, HypothesisException)):
        made()


@pytest.mark.parametrize("order", ["above", "below"])
def test_an_example_is_a_saved_case(order: str, tmp_path: Path) -> None:
    """``@example`` shows a case that was saved to the adapter, before any other."""
    path = rnnverify.save_case(tmp_path / "case", char_rnn_case(T=7, V=5, H=6))
    seen: list[Case] = []

    def test(case: Case) -> Any:
        seen.append(case)
        return wrong(case) if dict(case.dims) == {"T": 7, "V": 5, "H": 6} else right(case)

    example = hypothesis.example(case=rnnverify.load_case(path))
    make = rnnverify.gradient_test("char_rnn", cases=1)
    made = example(make(quick(test))) if order == "above" else make(example(quick(test)))
    with pytest.raises(errors.MismatchError, match=r"^wrong: "):
        made()

    assert _equal(seen[0]["Whh"], char_rnn_case(T=7, V=5, H=6)["Whh"])


def _equal(first: Array, second: Array) -> bool:
    return first.tobytes() == second.tobytes()
