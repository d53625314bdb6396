"""Shapes: which sizes cases are drawn in, where references are compiled for each shape.

Axes that can be padded have any size in their range. For the others a few combinations are chosen,
the smallest, the largest, and some between in which sizes differ from one another.
"""

from rnnverify.systems import Sizes, System

BETWEEN = 4
"""Combinations besides the smallest and the largest."""
_BASES = (2, 3, 5, 7, 11, 13)
"""Of van der Corput sequences, one an axis, which spread evenly and independently."""


def combinations(system: System, sizes: Sizes) -> list[dict[str, int]]:
    """Return the sizes in which the axes that cannot be padded occur, smallest first."""
    axes = [axis for axis in system.dims if axis in system.unpadded]
    made = [{axis: sizes[axis][end] for axis in axes} for end in (0, 1)]
    for i in range(1, BETWEEN + 1):
        spread = ((axis, _spread(i, _BASES[j % len(_BASES)])) for j, axis in enumerate(axes))
        made.append({axis: _between(sizes[axis], share) for axis, share in spread})
    distinct = {tuple(shape.items()): shape for shape in made}
    return sorted(distinct.values(), key=lambda shape: (sum(shape.values()), *shape.values()))


def largest_in_each(system: System, sizes: Sizes) -> list[dict[str, int]]:
    """Return dims such that each bucket, under each combination, is that of one of them."""
    return [
        {axis: max(low, min(high, bucket.get(axis, high))) for axis, (low, high) in sizes.items()}
        | shape
        for shape in combinations(system, sizes)
        for bucket in (*system.buckets, {})
    ]


def _between(bounds: tuple[int, int], share: float) -> int:
    low, high = bounds
    return low + int(share * (high - low + 1))


def _spread(i: int, base: int) -> float:
    """Return the i-th number of the van der Corput sequence: i's digits behind the point."""
    value, place = 0.0, 1.0
    while i:
        place /= base
        value += place * (i % base)
        i //= base
    return value
