"""All weights in one long vector, as optimisers want them, and one long gradient."""

import numpy as np

from rnnverify.records import Array


def unroll(theta: Array, D: int, H: int) -> tuple[Array, Array, Array]:
    """Return the weights (D H), the recurrent weights (H H) and the bias (H): views of theta."""
    first, second = D * H, D * H + H * H
    return theta[:first].reshape(D, H), theta[first:second].reshape(H, H), theta[second:]


def cost_gradient(theta: Array, x: Array, dh: Array) -> Array:
    """Return the gradient by theta, states beginning at zero, given x (T B D) and dh (T B H)."""
    (T, B, H), D = dh.shape, x.shape[2]
    Wx, Wh, b = unroll(theta, D, H)
    h = np.zeros((T + 1, B, H))
    for t in range(T):
        h[t] = np.tanh(x[t] @ Wx + h[t - 1] @ Wh + b)
    grad = np.zeros_like(theta)
    gWx, gWh, gb = unroll(grad, D, H)
    dz = np.zeros((B, H))
    for t in range(T - 1, -1, -1):
        dz = (dh[t] + dz @ Wh.T) * (1 - h[t] ** 2)
        gWx += x[t].T @ dz
        gWh += h[t - 1].T @ dz
        gb += dz.sum(axis=0)
    return grad
