"""Calling a candidate: whatever it does becomes gradients, or one error that says what it did."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np

from rnnverify.comparing import structured
from rnnverify.deadlines import call_within, is_ours
from rnnverify.errors import InvalidGradientsError, PassedOnError
from rnnverify.records import Array, Candidate, Case
from rnnverify.terms import Terms


def call(
    candidate: Candidate,
    case: Case,
    required: Sequence[str],
    optional: Sequence[str],
    terms: Terms,
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Call a candidate on private copies of a case's arrays.

    Args:
        candidate: Gradient code.
        case: Its arrays are not touched, whatever the candidate does.
        required: The arrays whose gradients it must return.
        optional: Those whose gradients it may return.
        terms: How long it may take, and the names of what it is asked for; what else it returns
            is left alone.

    Returns:
        Its gradients (and loss) in float64, and notes about what is odd.

    Raises:
        InvalidGradientsError: if it raises, takes too long, writes into its inputs, returns arrays
            that share memory with them, or returns something malformed.
    """
    private = case.replace(
        arrays={name: array.copy() for name, array in case.items()}, dims=dict(case.dims)
    )
    inputs = dict(private.arrays)
    returned = _returned(candidate, private, terms)
    for name, array in inputs.items():
        if array.tobytes() != case[name].tobytes():
            message = f"the candidate wrote into its input {name}; work on a copy: {name}.copy()"
            raise InvalidGradientsError(message, breach="inputs_unmodified")
    shapes = {name: case[name].shape for name in (*required, *optional)}
    gradients = structured(returned, shapes, required)
    notes = _coarse(returned, case)
    arrays = {n: v for n, v in returned.items() if isinstance(v, np.ndarray) and n in shapes}
    for gradient, array in arrays.items():
        for name, other in inputs.items():
            if array is other or (not array.flags.owndata and np.may_share_memory(array, other)):
                message = (
                    f"the gradient of {gradient} shares memory with the input {name}; "
                    "return an array of its own"
                )
                raise InvalidGradientsError(message, breach="own_memory")
    return gradients, (*notes, *_shared(arrays))


def _returned(candidate: Candidate, case: Case, terms: Terms) -> Any:
    """Call within the time limit, and return what is asked for."""
    if terms.timeout is None:
        returned = returned_by(candidate, case)
    else:
        returned = call_within(terms.timeout, partial(returned_by, candidate), case)
    if terms.gradients is None or not isinstance(returned, dict):
        return returned
    others = set(case.leaves) - set(terms.gradients)
    return {name: value for name, value in returned.items() if name not in others}


def returned_by(candidate: Callable[[Any], Any], argument: Any) -> Any:
    """Return what a candidate returns, a mapping of any kind as a dict.

    Raises:
        InvalidGradientsError: if it raises; an adapter's own is left as it is.
    """
    try:
        with np.errstate(all="ignore"):
            returned = candidate(argument)
            return {**returned} if hasattr(returned, "keys") else returned
    except (KeyboardInterrupt, InvalidGradientsError, PassedOnError):
        raise
    except BaseException as error:
        text = _printable(traceback.format_exception(type(error), error, _theirs(error)))
        message = f"the candidate raised {_printable(traceback.format_exception_only(error))}"
        raise InvalidGradientsError(message.strip(), traceback=text) from error


def _theirs(error: BaseException) -> TracebackType | None:
    """Return the traceback of an error from where it leaves this package."""
    trace = error.__traceback__ and error.__traceback__.tb_next
    while trace and trace.tb_next and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _printable(lines: Sequence[str]) -> str:
    return "".join(lines).encode("utf-8", "backslashreplace").decode("utf-8")


def _coarse(returned: Mapping[str, Any], case: Case) -> tuple[str, ...]:
    """Return a note where gradients come in a coarser dtype than the case's."""
    dtypes = {n: np.asarray(returned[n]).dtype for n in returned if n in case}
    coarse = [n for n, d in dtypes.items() if d.kind == "f" and d.itemsize < case.dtype.itemsize]
    if not coarse:
        return ()
    names = ", ".join(f"d{name}" for name in coarse)
    return (f"{names} came back in {dtypes[coarse[0]]}, though the case is {case.dtype}",)


def _shared(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    names = list(arrays)
    return tuple(
        f"the gradients of {a} and {b} share memory: updating one in place changes the other"
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if np.may_share_memory(arrays[a], arrays[b]) and np.shares_memory(arrays[a], arrays[b])
    )
