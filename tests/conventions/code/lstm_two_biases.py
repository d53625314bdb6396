"""torch's layout, weights (4H D), two biases, gradients returned in the order of the arguments."""

import numpy as np

from rnnverify.records import Array


def lstm_backward(
    x: Array, hx: tuple[Array, Array], params: list[Array], dout: Array, dcn: Array
) -> list[Array | None]:
    """Return the gradients of x, h0, c0 and of the four parameters; none of the second bias."""
    w_ih, w_hh, b_ih, b_hh = params
    h, c = hx
    tape = []
    for x_t in x:
        z = x_t @ w_ih.T + b_ih + h @ w_hh.T + b_hh
        i, f, g, o = np.split(z, 4, axis=-1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        g = np.tanh(g)
        tanh_c = np.tanh(f * c + i * g)
        tape.append((x_t, h, c, i, f, g, o, tanh_c))
        h, c = o * tanh_c, f * c + i * g
    dx, dw_ih, dw_hh, db = (np.zeros_like(array) for array in (x, w_ih, w_hh, b_ih))
    dh, dc = np.zeros_like(h), dcn
    for t in range(len(x) - 1, -1, -1):
        x_t, h, c, i, f, g, o, tanh_c = tape.pop()
        dh = dh + dout[t]
        dc = dc + dh * o * (1 - tanh_c**2)
        di, df = dc * g * i * (1 - i), dc * c * f * (1 - f)
        dg, do = dc * i * (1 - g**2), dh * tanh_c * o * (1 - o)
        dz = np.concatenate([di, df, dg, do], axis=-1)
        dx[t] = dz @ w_ih
        dw_ih += dz.T @ x_t
        dw_hh += dz.T @ h
        db += dz.sum(0)
        dh, dc = dz @ w_hh, dc * f
    return [dx, dh, dc, dw_ih, dw_hh, db, None]
