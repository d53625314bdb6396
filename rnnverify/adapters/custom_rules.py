"""JAX code with derivative rules of its own, ``custom_vjp`` or ``custom_jvp``, as a candidate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.records import Array, Candidate, Case


def jax_candidate(
    loss: Callable[[dict[str, Any]], Any], *, wrt: Sequence[str] | None = None, jit: bool = False
) -> Candidate:
    """Return a candidate that differentiates a loss in JAX, by whatever rules it has.

    Args:
        loss: Takes the case's arrays as JAX arrays, by name, and returns a number. It is called
            with 64-bit types switched on, for as long as it runs, where the case is float64.
        wrt: The arrays of which gradients are wanted; None for all that have one. Name them where
            the rules give no gradient of some, such as an initial state.
        jit: Whether to compile it, once for all cases of the same sizes.

    Example:
        >>> rnnverify.verify(jax_candidate(my_loss), "elman")
    """
    import jax  # noqa: PLC0415 - importing the adapters must not import JAX

    def of_leaves(leaves: Mapping[str, Any], others: Mapping[str, Any]) -> Any:
        return loss({**others, **leaves})

    differentiated = jax.value_and_grad(of_leaves)
    if jit:
        differentiated = jax.jit(differentiated)

    def candidate(case: Case) -> dict[str, Array]:
        names = case.leaves if wrt is None else tuple(wrt)
        with jax.enable_x64(case.dtype == np.float64):
            arrays = {name: jax.numpy.asarray(array) for name, array in case.items()}
            leaves = {name: arrays.pop(name) for name in names}
            value, gradients = differentiated(leaves, arrays)
            found = {"loss": value, **gradients}
            return {name: np.asarray(each) for name, each in found.items()}

    return candidate
