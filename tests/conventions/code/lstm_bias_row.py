"""Gates i, f, o, g and biases in one matrix (1+D+H 4H); a cache in a dict; dcn, dhn."""

from typing import Any

import numpy as np

from rnnverify.records import Array


def forward(X: Array, WLSTM: Array, c0: Array, h0: Array) -> dict[str, Any]:
    """Return a cache of all that the forward pass computes, Hout (T B H) among it."""
    (n, b, size), d = X.shape, WLSTM.shape[1] // 4
    Hin, Hout = np.ones((n, b, len(WLSTM))), np.zeros((n, b, d))
    IFOGf, C, Ct = np.zeros((n, b, d * 4)), np.zeros((n, b, d)), np.zeros((n, b, d))
    for t in range(n):
        prevc = C[t - 1] if t > 0 else c0
        Hin[t, :, 1 : 1 + size] = X[t]
        Hin[t, :, 1 + size :] = Hout[t - 1] if t > 0 else h0
        IFOG = Hin[t].dot(WLSTM)
        IFOGf[t, :, : 3 * d] = 1.0 / (1.0 + np.exp(-IFOG[:, : 3 * d]))
        IFOGf[t, :, 3 * d :] = np.tanh(IFOG[:, 3 * d :])
        C[t] = IFOGf[t, :, :d] * IFOGf[t, :, 3 * d :] + IFOGf[t, :, d : 2 * d] * prevc
        Ct[t] = np.tanh(C[t])
        Hout[t] = IFOGf[t, :, 2 * d : 3 * d] * Ct[t]
    return {"W": WLSTM, "Hin": Hin, "IFOGf": IFOGf, "C": C, "Ct": Ct, "c0": c0, "size": size}


def backward(dHout: Array, dcn: Array, dhn: Array, cache: dict[str, Any]) -> tuple[Array, ...]:
    """Return dX, dWLSTM, dc0, dh0."""
    W, Hin, S, C, Ct, c0, size = cache.values()
    n, b, d = dHout.shape
    dH, dC, dX = dHout.copy(), np.zeros_like(C), np.zeros((n, b, size))
    dIFOG, dW = np.zeros_like(S), np.zeros_like(W)
    dC[n - 1] += dcn
    dH[n - 1] += dhn
    for t in reversed(range(n)):
        i, f, o, g = np.split(S[t], 4, axis=1)
        dC[t] += (1 - Ct[t] ** 2) * o * dH[t]
        prevc = C[t - 1] if t > 0 else c0
        dIFOG[t, :, :d] = g * dC[t] * i * (1 - i)
        dIFOG[t, :, d : 2 * d] = prevc * dC[t] * f * (1 - f)
        dIFOG[t, :, 2 * d : 3 * d] = Ct[t] * dH[t] * o * (1 - o)
        dIFOG[t, :, 3 * d :] = i * dC[t] * (1 - g**2)
        dW += Hin[t].T.dot(dIFOG[t])
        dHin = dIFOG[t].dot(W.T)
        dX[t] = dHin[:, 1 : 1 + size]
        if t > 0:
            dC[t - 1] += f * dC[t]
            dH[t - 1] += dHin[:, 1 + size :]
        else:
            dc0, dh0 = f * dC[t], dHin[:, 1 + size :]
    return dX, dW, dc0, dh0
