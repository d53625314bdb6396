"""Minimizing: a smaller case that still fails, for a person to read.

First axes are cut, each in all arrays at once; then numbers become simpler. Every step is taken
only if the case still fails, and each makes it simpler, so that it comes to an end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnverify.axes import INTEGERS, LINEAR, Axes, sizes
from rnnverify.builtin import system_of
from rnnverify.errors import UsageError
from rnnverify.records import Array, Case

MOST = 500
"""Checks that it may take, if nothing else is said."""
DIGITS = 2
"""Decimal digits that a number keeps, where it cannot be simpler."""
ROUGHNESS = 4
"""How far from simple a number is that has more digits."""

Fails = Callable[[Case], bool]


def minimize(case: Case, fails: Fails, *, most: int = MOST) -> Case:
    """Return a smaller case that still fails.

    It has fewer steps, units or sequences, and simpler numbers in it: 0, 1, quarters, or numbers of
    few digits. Sizes stay within what the system generates, arrays that are held at a value keep
    it, and clip, truncation and dtype stay as they are. The same arguments give the same case.

    Args:
        case: A case that fails.
        fails: Says whether a case fails in the way that matters.
        most: How many cases it is asked about at most.

    Returns:
        The smallest that was found; the case itself, if there is no smaller one.
    """
    search = _Search(case, fails, most)
    while search.left > 0 and (search.cut() or search.simplify()):
        pass
    return search.case


@dataclass
class _Search:
    """The smallest case so far, and how many checks are left."""

    case: Case
    fails: Fails
    left: int

    def cut(self) -> bool:
        """Cut each axis as far as it goes; return whether any is smaller now."""
        before = self.case
        for axis in self.case.dims:
            while self._smaller_along(axis):
                pass
        return self.case is not before

    def _smaller_along(self, axis: str) -> bool:
        return any(self._takes(_cut(self.case, axis, keep)) for keep in _keeps(self.case, axis))

    def simplify(self) -> bool:
        """Make numbers simpler; return whether any is."""
        before = self.case
        for name in self.case:
            if name not in self.case.fixed:
                self._simplify(name, np.arange(self.case[name].size))
        return self.case is not before

    def _simplify(self, name: str, places: Array) -> None:
        """Make some entries of an array simpler: all of them at once, or else in halves."""
        axes = system_of(self.case).arrays[name]
        if self.left <= 0 or any(
            self._takes(_changed(self.case, name, places, change)) for change in _changes(axes)
        ):
            return
        if len(places) > 1:
            for half in np.array_split(places, 2):
                self._simplify(name, half)

    def _takes(self, smaller: Case | None) -> bool:
        """Take a case in place of the one so far, if there is one, it may be asked, and fails."""
        if smaller is None or self.left <= 0:
            return False
        self.left -= 1
        if not self.fails(smaller):
            return False
        self.case = smaller
        return True


def _keeps(case: Case, axis: str) -> Iterator[Sequence[int]]:
    """Return which places of an axis to keep: few at first, then all but one."""
    n = case.dims[axis]
    least = min(n, system_of(case).sizes.get(axis, (1, n))[0])
    for size in dict.fromkeys((least, (n + least) // 2)):
        if size < n:
            yield range(size)
            yield range(n - size, n)
    if n - 1 > least:
        for left_out in reversed(range(n)):
            yield [i for i in range(n) if i != left_out]


def _cut(case: Case, axis: str, keep: Sequence[int]) -> Case | None:
    """Return a case of which only some places along an axis are left; None if it is none."""
    arrays = {}
    for name, axes in system_of(case).arrays.items():
        array = case[name]
        for i, words in enumerate(axes.names):
            array = array.take(_indices(words, case.dims, axis, keep), axis=i)
        if name in case.fixed and array.size < case[name].size and np.ptp(case[name]):
            return None  # a value that was given entry by entry
        arrays[name] = _within(array, axes, case, axis, keep)
    return _made(case, arrays)


def _indices(words: str, dims: Mapping[str, int], axis: str, keep: Sequence[int]) -> list[int]:
    """Return which places of an array's axis are left, be it a sum of blocks or not."""
    found: list[int] = []
    start = 0
    for part, size in zip(words.split("+"), sizes(words, dims), strict=True):
        found += [start + i for i in (keep if part == axis else range(size))]
        start += size
    return found


def _within(array: Array, axes: Axes, case: Case, axis: str, keep: Sequence[int]) -> Array:
    """Return an array with its token ids and lengths within what is left."""
    if axes.values == "lengths" and axis == "T":
        return np.clip(array, 1, len(keep))
    if axes.values == "tokens" and axes.below == axis:
        places = np.zeros(case.dims[axis], np.int64)
        places[list(keep)] = np.arange(len(keep))
        return places[array]
    return array


def _changes(axes: Axes) -> list[Callable[[Array], Array]]:
    """Return how entries of an array can be made simpler, simplest first."""
    if axes.values in INTEGERS:
        least = int(axes.below is None)
        return [lambda entries: np.full_like(entries, least)]
    simple = [np.zeros_like, np.ones_like]
    if axes.values in LINEAR:
        simple.reverse()  # weights of 1 are what much code has
    return [*simple, _quarters, _short]


def _quarters(entries: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.round(entries * 4) / 4


def _short(entries: Array) -> Array:
    texts = [f"{entry:.{DIGITS}g}" for entry in entries.ravel().tolist()]
    with np.errstate(over="ignore"):
        return np.array(texts, np.float64).astype(entries.dtype).reshape(entries.shape)


def _changed(case: Case, name: str, places: Array, change: Callable[[Array], Array]) -> Case | None:
    """Return a case with some entries changed; None if that makes them no simpler."""
    array = case[name].copy()
    entries = array.ravel()[places]
    changed = change(entries)
    rough, rough_before = _roughness(changed, name, case), _roughness(entries, name, case)
    if rough >= rough_before:
        return None
    array.reshape(-1)[places] = changed
    return _made(case, {**case, name: array})


def _roughness(entries: Array, name: str, case: Case) -> int:
    """Return how far from simple numbers are: 0 for each that is as simple as can be."""
    axes = system_of(case).arrays[name]
    if axes.values in INTEGERS:
        return int(entries.sum())
    steps = [each(entries) == entries for each in _changes(axes)]
    return int(sum(np.min([np.where(same, i, ROUGHNESS) for i, same in enumerate(steps)], axis=0)))


def _made(case: Case, arrays: dict[str, Array]) -> Case | None:
    """Return a case like another, with other arrays; None if its system refuses it."""
    system = system_of(case)
    try:
        made = system.case(arrays, dtype=str(case.dtype), clip=case.clip, truncate=case.truncation)
    except UsageError:
        return None
    return made.replace(
        beyond=case.beyond, regimes=case.regimes, fixed=case.fixed, origin=case.origin
    )
