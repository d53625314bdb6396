"""Parameters that code reads from its own globals or attributes instead of taking them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar

Target = TypeVar("Target")


@contextmanager
def patched(target: Target, /, **values: Any) -> Iterator[Target]:
    """Set globals of a module, or attributes of an object, and put back what was there.

    What was not there is deleted afterwards, whatever happens in between. Names that another
    module has imported with ``from module import name`` are its own, and are not changed.

    Args:
        target: The module or object; the context's value.
        values: What to set, by name.

    Raises:
        AttributeError: if the target does not let one be set.

    Example:
        >>> with patched(min_char_rnn, **layout.of(case), hidden_size=case.dims["H"]):
        ...     returned = min_char_rnn.loss(inputs, targets)
    """
    with ExitStack() as undo:
        for name, value in values.items():
            was_there = hasattr(target, name)
            before = getattr(target, name, None)
            setattr(target, name, value)
            back = partial(setattr, target, name, before) if was_there else None
            undo.callback(back or partial(delattr, target, name))
        yield target
