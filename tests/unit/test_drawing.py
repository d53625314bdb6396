"""Drawing the smallest failing case: what is known is not checked again, and it does not last."""

import pytest

from rnnverify import drawing
from rnnverify.drawing import explore, smallest
from rnnverify.records import Case
from rnnverify.strategies import cases

STRATEGY = cases("char_rnn")


def drawn(number: int) -> list[bytes]:
    """Return the weights of the first cases of a run."""
    found: list[bytes] = []
    explore(STRATEGY, lambda case: found.append(case["Wxh"].tobytes()), seed=3, cases=number)
    return found


def test_cases_that_are_known_to_pass_are_not_checked_again() -> None:
    """The first case that is checked is the first that may fail."""
    checked: list[bytes] = []

    def fails(case: Case) -> bool:
        checked.append(case["Wxh"].tobytes())
        return True

    smallest(STRATEGY, fails, seed=3, cases=20, skip=5)

    assert checked[0] == drawn(20)[5]


def test_what_is_skipped_is_never_found() -> None:
    """If all that fails comes before, nothing is found."""
    early = set(drawn(20)[:5])

    def fails(case: Case) -> bool:
        return case["Wxh"].tobytes() in early

    assert smallest(STRATEGY, fails, seed=3, cases=20) is not None
    assert smallest(STRATEGY, fails, seed=3, cases=20, skip=5) is None


@pytest.mark.parametrize("limit", ["MOST_SECONDS", "MOST_CHECKS"])
def test_shrinking_ends_in_time(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a check is slow, or there are many, what was found by then is kept."""
    monkeypatch.setattr(drawing, limit, 1e-9 if limit == "MOST_SECONDS" else 2)
    checked: list[Case] = []

    def fails(case: Case) -> bool:
        checked.append(case)
        return case.dims["T"] > 3

    found = smallest(STRATEGY, fails, seed=3, cases=20)

    assert found is not None
    assert found.dims["T"] > 3
    failing = [case for case in checked if case.dims["T"] > 3]
    assert len(failing) <= 2
