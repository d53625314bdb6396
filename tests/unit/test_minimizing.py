"""Minimizing: what is left of a case still fails, is a case, and has little in it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rnnverify.axes import INTEGERS
from rnnverify.builtin import BINARY_ADDER, CHAR_RNN, LSTM, SYSTEMS, WERBOS, system_of
from rnnverify.corpora.minimizing import MOST, minimize
from rnnverify.records import Case, Clip, Truncation
from rnnverify.systems import System
from tests.support import char_rnn_case

SIMPLE = (0.0, 1.0)


def case_of(system: System, dims: dict[str, int], *, dtype: str = "float64", **more: Any) -> Case:
    """Return a case of any system, with numbers of many digits."""
    random = np.random.default_rng(0)
    drawn: dict[str, Any] = {}
    for name, axes in system.arrays.items():
        shape = axes.shape(dims)
        if axes.values in INTEGERS:
            drawn[name] = random.integers(0, dims[str(axes.below)], shape)
        elif axes.values == "bits":
            drawn[name] = random.integers(0, 2, shape).astype(float)
        else:
            drawn[name] = random.random(shape)
        if axes.values == "strictly lower":
            drawn[name] = np.tril(drawn[name], -1)
    return system.case(drawn | more, dtype=dtype)


DIMS = {"T": 5, "V": 4, "H": 3, "B": 3, "D": 2, "K": 1, "m": 3, "k": 2, "n": 2}
LARGE = {
    name: case_of(system, {axis: DIMS[axis] for axis in system.dims})
    for name, system in SYSTEMS.items()
}


def always(_case: Case) -> bool:
    """Fail in every case."""
    return True


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_always_fails_becomes_as_small_as_can_be(name: str) -> None:
    """Each axis of each system is cut to the least that is generated, and every number is simple.

    There are sums of axes, blocks, axes that occur twice, and token ids below a size.
    """
    system, found = SYSTEMS[name], minimize(LARGE[name], always)

    assert found.dims == {axis: low for axis, (low, _) in system.sizes.items()}
    assert all(np.isin(array, SIMPLE).all() for array in found.values())
    assert system.case(dict(found)).dims == found.dims


@pytest.mark.parametrize(
    ("name", "fails", "dims"),
    [
        ("char_rnn", lambda case: case.dims["T"] >= 3, {"T": 3, "V": 1, "H": 1}),
        ("char_rnn", lambda case: case["inputs"][-1] == 1, {"T": 1, "V": 2, "H": 1}),
        ("lstm", lambda case: case["Wh"].shape == (2, 4, 2), {"T": 1, "B": 1, "D": 1, "H": 2}),
        ("werbos", lambda case: case.dims["k"] == 2, {"T": 1, "m": 1, "k": 2, "n": 1}),
    ],
)
def test_what_matters_stays(name: str, fails: Callable[[Case], bool], dims: dict[str, int]) -> None:
    """Only the axis that a failure needs stays as long as it must be."""
    case = LARGE[name]
    if name == "char_rnn":
        case = case.with_arrays({"inputs": np.array([0, 1, 2, 3, 1])})

    assert minimize(case, fails).dims == dims


def test_the_unit_that_matters_stays() -> None:
    """Units in the middle are found, and their entries in all arrays stay together."""
    case = char_rnn_case(T=2, V=3, H=5)
    wanted = {name: case[name].copy() for name in ("bh", "h0")}

    def fails(case: Case) -> bool:
        at = np.flatnonzero(case["bh"] == wanted["bh"][2])
        return bool(len(at)) and case["h0"][at[0]] == wanted["h0"][2]

    found = minimize(case, fails)
    assert found.dims == {"T": 1, "V": 1, "H": 1}
    assert (found["bh"][0], found["h0"][0]) == (wanted["bh"][2], wanted["h0"][2])


def test_units_that_matter_need_not_be_neighbours() -> None:
    """What stands between them goes, too."""
    case = char_rnn_case(T=1, V=1, H=5, bh=np.arange(5.0) + 0.123)
    found = minimize(case, lambda case: {0.123, 3.123} <= set(case["bh"].tolist()))

    assert found["bh"].tolist() == [0.123, 3.123]


def test_blocks_are_cut_each_by_itself() -> None:
    """In an axis m+k+n, the places of k are behind those of m."""
    case = case_of(WERBOS, {"T": 1, "m": 2, "k": 3, "n": 2}, x0=np.arange(7.0))
    found = minimize(case, lambda case: 3.0 in case["x0"] and case.dims["m"] == 2)

    assert found.dims == {"T": 1, "m": 2, "k": 1, "n": 1}
    assert found["x0"].tolist() == [0.0, 0.0, 3.0, 0.0]


@pytest.mark.parametrize(
    ("needs", "left"),
    [
        (lambda bh: bool(np.any(bh != 0)), 1.0),
        (lambda bh: bool(np.any(bh > 0.9)), 1.0),
        (lambda bh: bool(np.any(bh % 1)), 0.75),
        (lambda bh: bool(np.any(bh[bh > 0] % 0.25)), 0.71),
        (lambda bh: 0.7123 in bh, 0.7123),
    ],
)
def test_numbers_become_as_simple_as_they_may(needs: Callable[[Any], bool], left: float) -> None:
    """From 0 and 1, by way of quarters, to two digits, and not further."""
    case = char_rnn_case(T=1, V=1, H=2, bh=np.array([0.7123, -3.9456]))
    found = minimize(case, lambda case: needs(case["bh"]) and case.dims["H"] == 2)

    assert found["bh"].tolist() in ([left, 0.0], [0.0, left], [left, left])
    assert all(np.isin(found[name], SIMPLE).all() for name in found if name != "bh")


def test_a_single_entry_is_found_among_many() -> None:
    """Entries become simpler in groups, and that one alone stays which must."""
    case = char_rnn_case(T=1, V=1, H=6)
    wanted = case["Whh"][4, 2]
    found = minimize(case, lambda case: case["Whh"].size == 36 and wanted in case["Whh"])

    assert np.flatnonzero(found["Whh"]).tolist() == [26]


@pytest.mark.parametrize("name", ["char_rnn", "lstm", "werbos", "binary_adder"])
def test_no_case_is_asked_that_its_system_refuses(name: str) -> None:
    """Each case on the way is one that could have been given by hand, with the same question."""
    clip, random = Clip("value", 5.0), np.random.default_rng(1)
    start = LARGE[name].replace(clip=clip, truncation=Truncation(2), beyond=0.25)

    def at_random(case: Case) -> bool:
        made = system_of(case).case(dict(case), dtype=str(case.dtype), clip=clip, truncate=2)
        assert made.dims == case.dims
        assert (case.clip, case.truncation, case.beyond) == (clip, start.truncation, 0.25)
        assert case.origin is start.origin
        return bool(random.random() < 0.5)

    minimize(start, at_random)


def test_lengths_stay_within_the_steps() -> None:
    """Sequences that were longer than what is left end with it."""
    dims = {"T": 5, "B": 3, "D": 1, "H": 1}
    case = case_of(LSTM, dims, lengths=np.array([5, 2, 3]))
    found = minimize(case, lambda case: case.dims["T"] >= 3 and case.dims["B"] == 3)

    assert found.dims == {"T": 3, "B": 3, "D": 1, "H": 1}
    assert found["lengths"].tolist() == [1, 1, 1]
    found = minimize(case, lambda case: bool(case["lengths"][0] > 1))
    assert (found["lengths"].tolist(), found.dims["T"]) == ([2], 2)


def test_tokens_stay_below_the_vocabulary() -> None:
    """Those that are left are counted anew, and stay in order."""
    case = char_rnn_case(T=1, V=5, H=1, inputs=np.array([3]), targets=np.array([2]))
    found = minimize(case, lambda case: bool(case["inputs"][0] > case["targets"][0]))

    assert (found.dims["V"], found["inputs"].tolist(), found["targets"].tolist()) == (2, [1], [0])


def test_what_is_held_at_a_value_keeps_it() -> None:
    """One number stays that number; an array given entry by entry stays as it is."""
    held = {"h0": np.full(3, 0.3), "loss_weights": np.full(5, 0.5)}
    case = char_rnn_case(h0=held["h0"], loss_weights=held["loss_weights"]).replace(
        fixed=frozenset(held)
    )
    found = minimize(case, always)
    assert found.dims == {"T": 1, "V": 1, "H": 1}
    assert (found["h0"].tolist(), found["loss_weights"].tolist()) == ([0.3], [0.5])

    case = char_rnn_case(h0=np.arange(3.0)).replace(fixed=frozenset({"h0"}))
    found = minimize(case, always)
    assert (found.dims, found["h0"].tolist()) == ({"T": 1, "V": 1, "H": 3}, [0.0, 1.0, 2.0])


def test_the_number_of_checks_is_bounded() -> None:
    """However much there is to simplify; and so is what never gets simpler."""
    asked: list[Case] = []

    def fails(case: Case) -> bool:
        asked.append(case)
        return case.dims["T"] > 8 and len(asked) % 2 == 0

    minimize(char_rnn_case(T=12, V=12, H=12), fails, most=50)
    assert len(asked) == 50
    asked.clear()
    minimize(char_rnn_case(T=12, V=12, H=12), lambda case: fails(case) and False)
    assert len(asked) <= MOST


def test_what_fails_in_nothing_smaller_stays_the_same() -> None:
    """The case itself is returned."""
    case = char_rnn_case()

    assert minimize(case, lambda _: False) is case


def steps(case: Case) -> Iterator[bytes]:
    """Return every case on the way, as bytes."""
    seen: list[bytes] = []

    def fails(case: Case) -> bool:
        seen.append(b"".join(array.tobytes() for array in case.values()))
        return bool(sum(seen[-1]) % 3)

    minimize(case, fails)
    return iter(seen)


def test_the_same_case_comes_to_the_same() -> None:
    """There is no chance in it."""
    assert list(steps(char_rnn_case())) == list(steps(char_rnn_case()))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_extreme_numbers_are_no_trouble(dtype: str) -> None:
    """What cannot be rounded without becoming infinite is left as it is."""
    most = float(np.finfo(dtype).max)
    case = char_rnn_case(T=1, V=1, H=1, bh=np.array([most]), dtype=dtype)

    assert minimize(case, lambda case: bool(case["bh"][0] > 1e38))["bh"][0] > 1e38


def test_a_wrong_gradient_is_wrong_in_less() -> None:
    """A transposed recurrent gradient needs two units, and few numbers but 0 and 1."""

    def wrong(case: Case) -> bool:
        right = CHAR_RNN.gradients(case)["Whh"]
        return bool(np.abs(right - right.T).max() > 1e-6)

    found = minimize(char_rnn_case(T=8, V=8, H=8), wrong)
    assert wrong(found)
    assert (found.dims["H"], found.dims["T"]) == (2, 1)
    numbers = np.concatenate([array.ravel() for array in found.values()])
    assert np.isin(numbers, SIMPLE).mean() > 0.8


def test_a_size_that_is_built_in_is_not_cut() -> None:
    """The adder reads two bits a step, and is never asked with one."""
    seen: set[int] = set()

    def fails(case: Case) -> bool:
        seen.add(case.dims["D"])
        return True

    minimize(LARGE["binary_adder"], fails)

    assert BINARY_ADDER.sizes["D"] == (2, 2)
    assert seen == {2}
