"""Named axes: what shape an array has, and what its entries are.

An axis is a name (``H``), a number (``4``, as in ``D 4 H``: four gates side by side), or a sum of
names (``m+k+n``: blocks of units one after the other).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Values = Literal[
    "reals",
    "strictly lower",
    "tokens",
    "bits",
    "probabilities",
    "lengths",
    "loss weights",
    "cotangents",
]
INTEGERS: frozenset[Values] = frozenset({"tokens", "lengths"})
LINEAR: frozenset[Values] = frozenset({"loss weights", "cotangents"})
"""What losses, and so gradients, are linear in."""


RANGES: dict[Values, tuple[float, float]] = {"bits": (0, 1), "probabilities": (0, 1)}
"""The least and the largest entry, where there is one."""


@dataclass(frozen=True)
class Axes:
    """The named axes of an array, and what its entries are.

    Attributes:
        names: One word an axis, such as ``("D", "4", "H")``.
        values: ``reals``; ``strictly lower``, reals that are zero on and above the diagonal;
            ``tokens``, integers from 0 to below the size of axis ``below``; ``bits``, 0.0 or 1.0;
            ``probabilities``, from 0 to 1; ``lengths``, integers from 1 to T; ``loss weights``, by
            which the steps' losses are multiplied; ``cotangents``, upstream gradients of outputs.
        below: The axis that bounds tokens.
    """

    names: tuple[str, ...]
    values: Values = "reals"
    below: str | None = None

    def __str__(self) -> str:
        return " ".join(self.names)

    def shape(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape that an array with these axes has under ``dims``."""
        return tuple(sum(sizes(axis, dims)) for axis in self.names)

    @property
    def letters(self) -> tuple[str, ...]:
        """The axes by name, without numbers and sums."""
        parts = (part for axis in self.names for part in axis.split("+"))
        return tuple(part for part in parts if not part.isdigit())

    @property
    def has_sums(self) -> bool:
        """Whether an axis is made of several blocks."""
        return any("+" in axis for axis in self.names)

    @property
    def is_scanned(self) -> bool:
        """Whether an array has one slice for each time step."""
        return self.names[0] == "T"

    def fit(self, shape: tuple[int, ...], dims: dict[str, int]) -> bool:
        """Whether a shape fits; sizes that were not known are added to ``dims``."""
        return len(shape) == len(self.names) and all(
            _fit(axis, size, dims) for axis, size in zip(self.names, shape, strict=True)
        )


def sizes(axis: str, dims: Mapping[str, int]) -> list[int]:
    """Return the sizes of the blocks of an axis."""
    return [int(part) if part.isdigit() else dims[part] for part in axis.split("+")]


def _fit(axis: str, size: int, dims: dict[str, int]) -> bool:
    parts = axis.split("+")
    unknown = [part for part in parts if not part.isdigit() and part not in dims]
    if len(unknown) == 1:
        known = [part for part in parts if part not in unknown]
        dims[unknown[0]] = size - sum(sizes("+".join(known), dims)) if known else size
        return dims[unknown[0]] >= 1
    return not unknown and sum(sizes(axis, dims)) == size


def reals(names: str) -> Axes:
    """Return the axes of an array of reals, such as ``reals("H V")``."""
    return Axes(tuple(names.split()))


def strictly_lower(names: str) -> Axes:
    """Return the axes of a matrix that is zero on and above its diagonal."""
    return Axes(tuple(names.split()), "strictly lower")


def tokens(names: str, *, below: str) -> Axes:
    """Return the axes of an array of token ids, all below the size of the axis ``below``."""
    return Axes(tuple(names.split()), "tokens", below)


def bits(names: str) -> Axes:
    """Return the axes of an array of zeros and ones."""
    return Axes(tuple(names.split()), "bits")


def probabilities(names: str) -> Axes:
    """Return the axes of an array of numbers from 0 to 1."""
    return Axes(tuple(names.split()), "probabilities")


def lengths(names: str) -> Axes:
    """Return the axes of the lengths of a batch's sequences."""
    return Axes(tuple(names.split()), "lengths")


def loss_weights(names: str) -> Axes:
    """Return the axes of the weights of the steps' losses."""
    return Axes(tuple(names.split()), "loss weights")


def cotangents(names: str) -> Axes:
    """Return the axes of the upstream gradient of an output."""
    return Axes(tuple(names.split()), "cotangents")
