"""Hypothesis strategies for cases.

A case is drawn as its dims, then a regime, then a seed, from which NumPy builds the arrays. To
draw each entry would cost several times as much, and would give mostly rank-deficient matrices, on
which a transposition cannot show. The order of the draws is the order of shrinking: T, the other
dims, the regime to the plainest (readable multiples of ¼), then the values.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from hypothesis import event
from hypothesis import strategies as st

from rnnverify.builtin import find_system
from rnnverify.errors import UsageError
from rnnverify.records import DTYPES, Case, Truncation
from rnnverify.regimes import BEYOND_SHARE, TABLES, Regime, build
from rnnverify.restrictions import Restrictions, Size
from rnnverify.shapes import combinations
from rnnverify.sources import Generated, Source
from rnnverify.systems import Sizes, System

_OFFSET = 10**30
"""Hypothesis mixes the integer constants of the user's own modules into the integers that it draws,
so that the same seed would give other cases beside other code. None is as large as this."""


def cases(
    system: str | System,
    *,
    dtype: str = "float64",
    source: Source | None = None,
    lengths: bool = False,
    truncate: str | int | Truncation | None = None,
    dims: Mapping[str, Size] | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> st.SearchStrategy[Case]:
    """Return a Hypothesis strategy for cases of a system.

    Args:
        system: A built-in system's name, or a system.
        dtype: ``float64`` or ``float32``, to which the case's real arrays are rounded.
        source: Where sequences come from; generated if None.
        lengths: Whether the sequences of a batch have lengths of their own: ``case["lengths"]``.
        truncate: How far back losses are propagated: 5 steps, say, or ``"chunks:5"``.
        dims: Sizes of axes: ``{"H": 32, "T": (1, 8)}``; of the others, those that the system says.
        fixed: Arrays held at a value: ``{"h0": 0, "loss_weights": 1}``.

    Raises:
        UsageError: if the system or the dtype is unknown, the system has no batches but lengths
            are asked for, or dims or fixed do not fit it.
    """
    system = find_system(system)
    if lengths:
        system = system.with_lengths
    if lengths and truncate is not None:
        message = (
            f"truncate: {truncate} is not for sequences with lengths of their own: which loss "
            "their last states belong to is not settled there"
        )
        raise UsageError(message)
    if dtype not in DTYPES:
        message = f"dtype: unknown {dtype!r}; known are {', '.join(DTYPES)}"
        raise UsageError(message)
    return _cases(
        system=system,
        dtype=np.dtype(dtype),
        source=source or Generated(),
        truncation=Truncation.parse(truncate),
        restrictions=Restrictions.of(system, dims, fixed),
    )


@st.composite
def _cases(
    draw: st.DrawFn,
    *,
    system: System,
    dtype: np.dtype[Any],
    source: Source,
    truncation: Truncation | None,
    restrictions: Restrictions,
) -> Case:
    dims = _draw_dims(draw, system, {**source.sizes(system), **restrictions.dims})
    regime = Regime(**{table: _draw_choice(draw, table) for table in TABLES})
    random = np.random.default_rng([_draw_integer(draw, 0, 2**32 - 1), *regime.key, *dims.values()])
    arrays = build(system, dims, regime, random) | source.inputs(dims, random)
    arrays |= restrictions.held(system, dims, dtype)
    labels = (*regime.labels, *_special(system, dims))
    for label in labels:
        event(label)
    return Case(
        system=system.name,
        dims=dims,
        arrays={n: a if a.dtype.kind == "i" else a.astype(dtype) for n, a in arrays.items()},
        dtype=dtype,
        truncation=truncation,
        beyond=BEYOND_SHARE[regime.beyond],
        regimes=labels,
        fixed=frozenset(restrictions.fixed),
        origin=system,
    )


def _draw_dims(draw: st.DrawFn, system: System, sizes: Sizes) -> dict[str, int]:
    """Draw the size of each axis; those that cannot be padded come in a few combinations."""
    shapes = combinations(system, sizes)
    shape: Mapping[str, int] = {}
    drawn = {}
    for axis in system.dims:
        if axis not in system.unpadded:
            drawn[axis] = _draw_size(draw, system, axis, sizes[axis])
        elif not shape:
            shape = shapes[_draw_integer(draw, 0, len(shapes) - 1)]
    return {axis: {**drawn, **shape}[axis] for axis in system.dims}


def _special(system: System, dims: Mapping[str, int]) -> tuple[str, ...]:
    """Label the sizes at which bugs hide or show."""
    ones = tuple(f"{axis} = 1" for axis, n in dims.items() if n == 1 < system.sizes[axis][1])
    return ones if len(set(dims.values())) < len(dims) else (*ones, "all sizes differ")


def _draw_size(draw: st.DrawFn, system: System, axis: str, bounds: tuple[int, int]) -> int:
    """Draw the size of an axis.

    A vocabulary of one symbol teaches nothing: it comes late, but not at the end, since Hypothesis
    likes to try what is first and what is last.
    """
    low, high = bounds
    if low == 1 < high and any(axes.below == axis for axes in system.inputs.values()):
        sizes: list[int] = [*range(2, high), 1, high]
        return sizes[_draw_integer(draw, 0, high - 1)]
    return _draw_integer(draw, low, high)


def _draw_integer(draw: st.DrawFn, low: int, high: int) -> int:
    drawn: int = draw(_integers(_OFFSET + low, _OFFSET + high))
    return drawn - _OFFSET


_integers = cache(st.integers)


def _draw_choice(draw: st.DrawFn, table: str) -> str:
    names = _names(table)
    return names[_draw_integer(draw, 0, len(names) - 1)]


@cache
def _names(table: str) -> list[str]:
    return [name for name, share in TABLES[table].items() for _ in range(share)]
