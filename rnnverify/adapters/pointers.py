"""Pointers into NumPy arrays, for gradient code behind a C interface."""

import ctypes
from typing import Any

import numpy as np

from rnnverify.errors import UsageError
from rnnverify.records import Array

C_TYPES: dict[np.dtype[Any], Any] = {
    np.dtype(np.float64): ctypes.c_double,
    np.dtype(np.float32): ctypes.c_float,
    np.dtype(np.int64): ctypes.c_int64,
    np.dtype(np.int32): ctypes.c_int32,
}


def pointer(array: Array) -> Any:
    """Return a ctypes pointer to the first entry of an array, which it keeps alive.

    The C type is that of the dtype: ``double``, ``float``, ``int64_t`` or ``int32_t``. An array for
    C code to write a gradient into is made by ``np.zeros_like(array)``.

    Args:
        array: Rows one after the other, as the arrays of a case and of a layout are.

    Raises:
        UsageError: if the array is laid out otherwise, or has another dtype.

    Example:
        >>> dW = np.zeros_like(case["W"])
        >>> library.backward(pointer(case["W"]), pointer(dW), case.dims["H"])
    """
    if array.dtype not in C_TYPES:
        known = ", ".join(map(str, C_TYPES))
        message = f"pointer: the array has the dtype {array.dtype}; there are pointers to {known}"
        raise UsageError(message)
    if not array.flags.c_contiguous:
        message = (
            f"pointer: the array {array.shape} is no block of rows one after the other, as a "
            "transpose or a slice is not; np.ascontiguousarray(array) makes a copy that is"
        )
        raise UsageError(message)
    return array.ctypes.data_as(ctypes.POINTER(C_TYPES[array.dtype]))
