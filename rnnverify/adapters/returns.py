"""Returns: gradients as a mapping by name, from wherever somebody's code leaves them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.errors import InvalidGradientsError
from rnnverify.records import Array

Names = str | Sequence[str]
"""Array names, or a string of them with spaces between."""


def named(names: Names, returned: Any) -> dict[str, Any]:
    """Return a tuple or list of gradients by name.

    Args:
        names: What each one is the gradient of; ``_`` skips one, and ``loss`` is the loss.
        returned: A tuple or list of as many gradients; None, for none, is left out.

    Raises:
        InvalidGradientsError: if it is none, or there are more or fewer in it.

    Example:
        >>> named("loss Wxh Whh _", (loss, dWxh, dWhh, last_state))
    """
    names = _split(names)
    if not isinstance(returned, Sequence) or len(names) != len(returned):
        what = f"{len(returned)} values" if isinstance(returned, Sequence) else repr(returned)
        message = f"got {what}, but there are {len(names)} names: {', '.join(names)}"
        raise InvalidGradientsError(message)
    pairs = zip(names, returned, strict=True)
    return {name: each for name, each in pairs if name != "_" and each is not None}


def unprefixed(
    gradients: Mapping[str, Any], prefix: str = "", *, suffix: str = ""
) -> dict[str, Any]:
    """Return gradients by the names of their arrays, from a dict with ``dW`` or ``W_grad`` in it.

    Args:
        gradients: What lacks the prefix or the suffix is left out, but for the loss.
        prefix: What precedes an array's name.
        suffix: What follows it.

    Raises:
        InvalidGradientsError: if no name has them.

    Example:
        >>> unprefixed({"dWxh": dWxh, "dbh": dbh, "loss": loss}, "d")
    """
    found = {
        name.removeprefix(prefix).removesuffix(suffix): gradient
        for name, gradient in gradients.items()
        if name.startswith(prefix) and name.endswith(suffix) and name != "loss"
    }
    if not found:
        message = f"no name is of the form {prefix}NAME{suffix}: {', '.join(gradients) or 'none'}"
        raise InvalidGradientsError(message)
    return found | {name: gradients[name] for name in gradients if name == "loss"}


def from_attributes(owner: object, pattern: str, names: Names) -> dict[str, Any]:
    """Return copies of the gradients that an object or a module keeps as attributes.

    Args:
        owner: The object or module.
        pattern: What the attribute is called, the array's name being ``{}``.
        names: The arrays' names. An attribute that is None is left out.

    Raises:
        InvalidGradientsError: if there is no such attribute.

    Example:
        >>> from_attributes(layer, "d{}", "Wx Wh b")
    """
    found = {}
    for name in _split(names):
        attribute = pattern.format(name)
        if not hasattr(owner, attribute):
            message = f"{type(owner).__name__} has no attribute {attribute!r} for {name}"
            raise InvalidGradientsError(message)
        found[name] = getattr(owner, attribute)
    return {name: np.array(value) for name, value in found.items() if value is not None}


def from_update(
    update: Callable[[float], object],
    parameters: Mapping[str, Array] | Callable[[], Mapping[str, Array]],
    *,
    rate: float | None = None,
) -> dict[str, Array]:
    """Return the gradients that one step of plain SGD has applied: (before - after) / rate.

    A weight after a step is rounded in proportion to its size, and that is all that the gradient
    loses. Under a huge learning rate the step is all there is, the weight being nothing beside it,
    so that the gradient keeps its digits; the product costs none if the rate is a power of two.
    So leave ``rate`` out, and hand on the one that ``update`` is called with. Where a learning rate
    is built in, the digits of weight / (rate · gradient) are lost: ask ``verify`` for no more than
    are left, by ``digits=``.

    Momentum, Adagrad and the like are no multiples of the gradient, and code that updates while it
    still propagates has no gradient of the weights that it began with.

    Args:
        update: Takes the learning rate, and makes one step of descent.
        parameters: The arrays that it writes into, or a function that returns those which are
            there now, for code that replaces them.
        rate: The learning rate that is built in; negative where code ascends.

    Example:
        >>> from_update(lambda rate: net.sgd_step(x, y, rate), {"U": net.U, "W": net.W})
        >>> from_update(lambda rate: net.sgd_step(x, y, rate), lambda: {"U": net.U, "W": net.W})
    """
    current = parameters if callable(parameters) else lambda: parameters
    before = {name: array.copy() for name, array in current().items()}
    applied = _square_root_of_largest(before) if rate is None else rate
    update(applied)
    return {name: (before[name] - after) / applied for name, after in current().items()}


def _square_root_of_largest(arrays: Mapping[str, Array]) -> float:
    """Return the power of two in the middle between 1 and overflow, in the coarsest dtype."""
    return 2.0 ** min(int(np.finfo(array.dtype).maxexp) // 2 for array in arrays.values())


def _split(names: Names) -> Sequence[str]:
    return names.split() if isinstance(names, str) else names
