"""Calling a candidate: whatever it does becomes gradients, or one error that says what it did."""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnverify.comparing import structured
from rnnverify.errors import InvalidGradientsError
from rnnverify.records import Array, Candidate, Case


def call(
    candidate: Candidate, case: Case, required: Sequence[str], optional: Sequence[str]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Call a candidate on private copies of a case's arrays.

    Args:
        candidate: Gradient code.
        case: Its arrays are not touched, whatever the candidate does.
        required: The arrays whose gradients it must return.
        optional: Those whose gradients it may return.

    Returns:
        Its gradients (and loss) in float64, and notes about what is odd.

    Raises:
        InvalidGradientsError: if it raises, writes into its inputs, returns arrays that share
            memory with them, or returns something malformed.
    """
    private = case.replace(
        arrays={name: array.copy() for name, array in case.items()}, dims=dict(case.dims)
    )
    inputs = dict(private.arrays)
    returned = _run(candidate, private)
    for name, array in inputs.items():
        if array.tobytes() != case[name].tobytes():
            message = f"the candidate wrote into its input {name}; work on a copy: {name}.copy()"
            raise InvalidGradientsError(message)
    shapes = {name: case[name].shape for name in (*required, *optional)}
    gradients = structured(returned, shapes, required)
    arrays = {n: v for n, v in returned.items() if isinstance(v, np.ndarray) and n in shapes}
    for gradient, array in arrays.items():
        for name, other in inputs.items():
            if np.may_share_memory(array, other):
                message = (
                    f"the gradient of {gradient} shares memory with the input {name}; "
                    "return an array of its own"
                )
                raise InvalidGradientsError(message)
    return gradients, _shared(arrays)


def _run(candidate: Candidate, case: Case) -> Any:
    try:
        with np.errstate(all="ignore"):
            return candidate(case)
    except (Exception, SystemExit) as error:
        frames = error.__traceback__.tb_next if error.__traceback__ else None
        text = "".join(traceback.format_exception(type(error), error, frames))
        message = f"the candidate raised {type(error).__name__}: {error}"
        raise InvalidGradientsError(message, traceback=text) from error


def _shared(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    names = list(arrays)
    return tuple(
        f"the gradients of {a} and {b} share memory: updating one in place changes the other"
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if np.may_share_memory(arrays[a], arrays[b]) and np.shares_memory(arrays[a], arrays[b])
    )
