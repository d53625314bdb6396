"""Layouts: all arrays of somebody's code, by their names, and the way back of their gradients."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rnnverify.adapters.relayouts import Relayout, of
from rnnverify.errors import InvalidGradientsError
from rnnverify.records import Array, Case


class Layout:
    """How somebody's code lays out the arrays of a case.

    Args:
        given: Relayouts by names that are no identifiers, such as ``"cell.weight"``.
        arrays: Relayouts by the code's names; a string stands for a case's array as it is.

    Example:
        >>> layout = Layout(W=stack(of("Wh"), of("Wx")), b=of("b").row, x="x")
    """

    def __init__(
        self, given: Mapping[str, Relayout | str] | None = None, /, **arrays: Relayout | str
    ) -> None:
        both = {**(given or {}), **arrays}
        self.relayouts: Mapping[str, Relayout] = {
            name: of(each) if isinstance(each, str) else each for name, each in both.items()
        }

    @property
    def names(self) -> frozenset[str]:
        """The arrays of the case that the layout holds, and so gives gradients of."""
        return frozenset().union(*(each.names for each in self.relayouts.values()))

    def __or__(self, other: "Layout") -> "Layout":
        """Return a layout of the arrays of both, the other's where both have a name.

        Example:
            >>> weights | Layout(x=of("x").swapped(0, 1))
        """
        return Layout({**self.relayouts, **other.relayouts})

    def of(self, case: Case) -> "Bound":
        """Return the code's arrays for a case.

        Raises:
            UsageError: if the case has not the arrays that the layout is made of.

        Example:
            >>> p = layout.of(case)
            >>> code.loss(p["W"], p["b"])
        """
        return Bound(self.relayouts, case)


class Bound(Mapping[str, Array]):
    """Somebody's arrays for one case, by their names: fresh, contiguous, theirs to write into."""

    def __init__(self, relayouts: Mapping[str, Relayout], case: Case) -> None:
        self._relayouts = relayouts
        self._case = case
        self._arrays = {
            name: np.array(each.forward(case), order="C") for name, each in relayouts.items()
        }
        self._shapes = {name: array.shape for name, array in self._arrays.items()}

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def gradients(self, theirs: Mapping[str, Any]) -> dict[str, Any]:
        """Return gradients under the case's names, from gradients under the code's.

        Args:
            theirs: Gradients of some of the arrays, in their shapes; None counts as left out. A
                ``"loss"`` is passed on, and what has no gradient (token ids, zeros) is dropped.

        Returns:
            The gradients of the case's arrays of which those hold all.

        Raises:
            InvalidGradientsError: if a name is unknown, a shape is another than the array's, or the
                gradient of an array of the case is there in part.

        Example:
            >>> p.gradients({"W": dW, "b": db})
        """
        given = {name: theirs[name] for name in theirs if theirs[name] is not None}
        found = {"loss": given.pop("loss")} if "loss" in given else {}
        for name, gradient in given.items():
            self._check(name, np.shape(gradient))
            parts = self._relayouts[name].backward(self._case, np.asarray(gradient))
            for ours, part in parts:
                found[ours] = found[ours] + part if ours in found else part
        self._check_whole(given)
        return found

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        if name not in self._shapes:
            message = f"{name!r} is no array of the layout; those are {', '.join(self._shapes)}"
            raise InvalidGradientsError(message)
        wanted = self._shapes[name]
        if shape != wanted:
            transposed = ", of which it is the transpose" if shape == wanted[::-1] else ""
            message = f"the gradient of {name} has the shape {shape}, but {name} {wanted}"
            raise InvalidGradientsError(message + transposed)

    def _check_whole(self, given: Mapping[str, Any]) -> None:
        """Refuse gradients in part, which would pass for gradients with zeros in them."""
        missing = {name: each for name, each in self._relayouts.items() if name not in given}
        for ours in frozenset().union(*(self._relayouts[name].names for name in given)):
            others = [name for name, each in missing.items() if ours in each.names]
            if others:
                message = (
                    f"{ours} is in {', '.join(others)} as well, whose gradient was not returned"
                )
                raise InvalidGradientsError(message)
