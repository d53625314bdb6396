"""Features come first and time comes last; parameters and gradients are dicts."""

import numpy as np

from rnnverify.records import Array


def rnn_forward(x: Array, a0: Array, parameters: dict[str, Array]) -> Array:
    """Return the states a (H B T), given x (D B T) and a0 (H B)."""
    a = np.zeros((*a0.shape, x.shape[2]))
    a_prev = a0
    for t in range(x.shape[2]):
        z = np.dot(parameters["Waa"], a_prev) + np.dot(parameters["Wax"], x[:, :, t])
        a_prev = a[:, :, t] = np.tanh(z + parameters["ba"])
    return a


def rnn_backward(da: Array, x: Array, a0: Array, parameters: dict[str, Array]) -> dict[str, Array]:
    """Return gradients by the names dx, da0, dWax, dWaa, dba."""
    a = rnn_forward(x, a0, parameters)
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    dx, dWax, dWaa, dba = map(np.zeros_like, (x, Wax, Waa, ba))
    da_prevt = np.zeros_like(a0)
    for t in reversed(range(x.shape[2])):
        dtanh = (da[:, :, t] + da_prevt) * (1 - a[:, :, t] ** 2)
        a_prev = a[:, :, t - 1] if t > 0 else a0
        dx[:, :, t] = np.dot(Wax.T, dtanh)
        dWax += np.dot(dtanh, x[:, :, t].T)
        da_prevt = np.dot(Waa.T, dtanh)
        dWaa += np.dot(dtanh, a_prev.T)
        dba += np.sum(dtanh, axis=1, keepdims=True)
    return {"dx": dx, "da0": da_prevt, "dWax": dWax, "dWaa": dWaa, "dba": dba}
