"""Relayouts: other people's arrays as linear maps of a case's arrays.

A relayout A takes a case's arrays p to an array q = A p of somebody's code: a transpose, a stack, a
permutation of gates. The code returns dL/dq, and the chain rule makes it ours: dL/dp = Aᵀ dL/dq. So
one description goes both ways, and can be as long as it needs to be:

    >>> of("Wx").gates("figo").flat.T
    >>> stack(of("b").flat.row, of("Wh").flat, of("Wx").flat)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnverify.errors import UsageError
from rnnverify.records import Array

Arrays = Mapping[str, Array]
"""A case, or its arrays by name."""
Parts = Iterator[tuple[str, Array]]
"""Array names with what is to be added to their gradients."""


@dataclass(frozen=True, eq=False)
class Relayout:
    """One array of somebody's code, in terms of a case's arrays; made by ``of`` and the like.

    Attributes:
        forward: The case's arrays -> the array, A p.
        backward: (the case's arrays, the gradient of the array) -> gradients of the case's arrays,
            Aᵀ q; a name may come several times, to be added up.
        names: The arrays of the case that it holds something of, and so gives gradients of.
    """

    forward: Callable[[Arrays], Array] = field(repr=False)
    backward: Callable[[Arrays, Array], Parts] = field(repr=False)
    names: frozenset[str]

    def then(
        self, change: Callable[[Array], Array], adjoint: Callable[[Array, Array], Array]
    ) -> "Relayout":
        """Return this relayout, followed by a linear change of one's own.

        Args:
            change: The array -> another array.
            adjoint: (the array, the gradient of the other) -> the gradient of the array.

        Example:
            >>> of("U").then(lambda U: 2 * U, lambda U, gradient: 2 * gradient)
        """

        def backward(arrays: Arrays, gradient: Array) -> Parts:
            return self.backward(arrays, adjoint(self.forward(arrays), gradient))

        return Relayout(lambda arrays: change(self.forward(arrays)), backward, self.names)

    @property
    def T(self) -> "Relayout":  # noqa: N802 - NumPy's name
        """The transpose: (a b c) becomes (c b a).

        Example:
            >>> Layout(weight_hh=of("Wh").T)
        """
        return self.then(np.transpose, lambda _, gradient: gradient.T)

    def swapped(self, a: int, b: int) -> "Relayout":
        """Return the array with two axes swapped.

        Example:
            >>> Layout(x=of("x").swapped(0, 1))  # (T B D) becomes (B T D): batch first
        """
        return self.then(lambda array: np.swapaxes(array, a, b), lambda _, g: np.swapaxes(g, a, b))

    @property
    def column(self) -> "Relayout":
        """Columns: (H) becomes (H 1), and (T V), one row a step, becomes (T V 1).

        Example:
            >>> Layout(bh=of("bh").column)
        """
        return self._reshaped(lambda shape: (*shape, 1))

    @property
    def row(self) -> "Relayout":
        """Rows: (H) becomes (1 H), and (T D) becomes (T 1 D).

        Example:
            >>> Layout(b=of("b").row)
        """
        return self._reshaped(lambda shape: (*shape[:-1], 1, *shape[-1:]))

    @property
    def flat(self) -> "Relayout":
        """The last two axes as one: (D 4 H) becomes (D 4H), the gates side by side.

        Example:
            >>> Layout(W=of("Wx").flat)
        """
        return self._reshaped(lambda shape: (*shape[:-2], -1))

    @property
    def vector(self) -> "Relayout":
        """All axes as one, row after row.

        Example:
            >>> Layout(theta=stack(of("Wx").vector, of("Wh").vector, of("b")))
        """
        return self._reshaped(lambda _: (-1,))

    def gates(self, order: str, *, ours: str = "ifgo") -> "Relayout":
        """Return an array of gates (… gates H) with its gates in another order.

        Example:
            >>> Layout(W=of("Wx").gates("figo").flat)

        Raises:
            UsageError: if ``order`` has not the letters of ``ours``, or, once there is a case, if
                the last axis but one is not that of the gates.
        """
        if sorted(order) != sorted(ours):
            message = f"gates: {order!r} is no order of the gates {ours!r}"
            raise UsageError(message)
        return self._of_gates(ours)[..., [ours.index(gate) for gate in order], :]

    def gate(self, name: str, *, ours: str = "ifgo") -> "Relayout":
        """Return one gate's part (… H) of an array of gates (… gates H).

        Example:
            >>> Layout(Wf=stack(of("Wh").gate("f"), of("Wx").gate("f")), bf=of("b").gate("f"))

        Raises:
            UsageError: if there is no such gate, or, once there is a case, if the last axis but
                one is not that of the gates.
        """
        if len(name) != 1 or name not in ours:
            message = f"gate: {name!r} is none of the gates {ours!r}"
            raise UsageError(message)
        return self._of_gates(ours)[..., ours.index(name), :]

    def __getitem__(self, index: Any) -> "Relayout":
        """Return a part of the array; the rest has no gradient by way of it.

        Example:
            >>> Layout(h0=of("h0")[0])  # of a batch of one sequence
        """

        def adjoint(array: Array, gradient: Array) -> Array:
            whole = np.zeros(array.shape, gradient.dtype)
            np.add.at(whole, index, gradient)
            return whole

        return self.then(lambda array: array[index], adjoint)

    __iter__ = None  # or else Python would count indices up for ever

    def __neg__(self) -> "Relayout":
        """Return the negative array.

        Example:
            >>> Layout(Wz=-of("Wxz"))  # h = (1-z) h + z n, where ours is (1-z) n + z h
        """
        return self.then(np.negative, lambda _, gradient: -gradient)

    def _of_gates(self, ours: str) -> "Relayout":
        def checked(array: Array) -> Array:
            if array.ndim < 2 or array.shape[-2] != len(ours):  # noqa: PLR2004 - gates, units
                message = (
                    f"gates: the last axis but one of an array {array.shape} is no axis of the "
                    f"gates {ours!r}; choose gates before .flat and .T"
                )
                raise UsageError(message)
            return array

        return self.then(checked, lambda _, gradient: gradient)

    def _reshaped(self, shape: Callable[[tuple[int, ...]], tuple[int, ...]]) -> "Relayout":
        return self.then(
            lambda array: array.reshape(shape(array.shape)),
            lambda array, gradient: gradient.reshape(array.shape),
        )


def of(name: str) -> Relayout:
    """Return a case's array as it is.

    Raises:
        UsageError: once there is a case, if it has no such array.

    Example:
        >>> Layout(U=of("Wxh"))
    """
    return Relayout(
        lambda arrays: _find(arrays, name),
        lambda _, gradient: iter([(name, gradient)]),
        frozenset([name]),
    )


def stack(*parts: Relayout, axis: int = 0) -> Relayout:
    """Return arrays one after the other along an axis that they have: below each other for 0.

    Raises:
        ValueError: NumPy's, once there is a case, if the shapes do not go together.

    Example:
        >>> stack(of("b").row, of("Wx"), of("Wh"))  # a bias row, then [x; h]
        >>> stack(of("Wxr"), of("Wxz"), of("Wxn"), axis=1)  # gates side by side
    """

    def forward(arrays: Arrays) -> Array:
        return np.concatenate([part.forward(arrays) for part in parts], axis=axis)

    def backward(arrays: Arrays, gradient: Array) -> Parts:
        sizes = [part.forward(arrays).shape[axis] for part in parts]
        pieces = np.split(gradient, np.cumsum(sizes)[:-1], axis=axis)
        for part, piece in zip(parts, pieces, strict=True):
            yield from part.backward(arrays, piece)

    return Relayout(forward, backward, frozenset().union(*(part.names for part in parts)))


def one_hot(name: str, *, below: str = "by") -> Relayout:
    """Return token ids (T) as rows of zeros and a one (T V), in the dtype of the case.

    Args:
        name: An array of token ids; they have no gradient.
        below: The array (V) that has as many entries as there are tokens, and their dtype.

    Example:
        >>> Layout(x=one_hot("inputs").column)  # (T V 1): a list of columns, one a step
    """

    def forward(arrays: Arrays) -> Array:
        entries = _find(arrays, below)
        return np.eye(len(entries), dtype=entries.dtype)[_find(arrays, name)]

    return Relayout(forward, _nothing, frozenset())


def zeros_like(part: Relayout) -> Relayout:
    """Return zeros, shaped as an array is, whose gradient is dropped: for a redundant bias, say.

    Example:
        >>> Layout(b_ih=of("b"), b_hh=zeros_like(of("b")))
    """
    return Relayout(lambda arrays: np.zeros_like(part.forward(arrays)), _nothing, frozenset())


def _nothing(_: Arrays, __: Array) -> Parts:
    return iter(())


def _find(arrays: Arrays, name: str) -> Array:
    if name not in arrays:
        message = f"layout: there is no array {name!r}; the case has {', '.join(arrays)}"
        raise UsageError(message)
    return arrays[name]
