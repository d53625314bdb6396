"""Gates z, r, n side by side in a kernel and a recurrent kernel, the bias (2 3H); batch first."""

import numpy as np

from rnnverify.records import Array


def backward(
    weights: tuple[Array, Array, Array], x: Array, h0: Array, grad: Array
) -> tuple[tuple[Array, ...], Array, Array]:
    """Return the gradients of the weights, of x (B T D) and of h0, given that of the states."""
    kernel, recurrent, bias = weights
    H = recurrent.shape[0]
    h, tape = h0, []
    for t in range(x.shape[1]):
        ax, ah = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1]
        zr = 1 / (1 + np.exp(-(ax + ah)[:, : 2 * H]))
        z, r = zr[:, :H], zr[:, H:]
        n = np.tanh(ax[:, 2 * H :] + r * ah[:, 2 * H :])
        tape.append((h, z, r, n, ah[:, 2 * H :]))
        h = z * h + (1 - z) * n
    dkernel, drecurrent, dbias = (
        np.zeros_like(kernel),
        np.zeros_like(recurrent),
        np.zeros_like(bias),
    )
    dx, dh = np.zeros_like(x), np.zeros_like(h0)
    for t in reversed(range(x.shape[1])):
        h, z, r, n, q = tape[t]
        dh = dh + grad[:, t]
        dan = dh * (1 - z) * (1 - n**2)
        daz = dh * (h - n) * z * (1 - z)
        dar = dan * q * r * (1 - r)
        dax = np.hstack([daz, dar, dan])
        dah = np.hstack([daz, dar, dan * r])
        dkernel += x[:, t].T @ dax
        drecurrent += h.T @ dah
        dbias += np.stack([dax.sum(axis=0), dah.sum(axis=0)])
        dx[:, t] = dax @ kernel.T
        dh = dh * z + dah @ recurrent.T
    return (dkernel, drecurrent, dbias), dx, dh
