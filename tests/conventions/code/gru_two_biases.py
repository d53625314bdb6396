"""A state dict in torch's names and layout, and gradients under the same names."""

import numpy as np

from rnnverify.records import Array


def grads(state_dict: dict[str, Array], x: Array, h: Array, dout: Array) -> dict[str, Array]:
    """Return the gradients of the parameters, gates r, z, n below each other."""
    w_ih, w_hh = state_dict["rnn.weight_ih_l0"], state_dict["rnn.weight_hh_l0"]
    b_ih, b_hh = state_dict["rnn.bias_ih_l0"], state_dict["rnn.bias_hh_l0"]
    steps = []
    for x_t in x:
        i_r, i_z, i_n = np.split(x_t @ w_ih.T + b_ih, 3, axis=1)
        h_r, h_z, h_n = np.split(h @ w_hh.T + b_hh, 3, axis=1)
        r, z = 1 / (1 + np.exp(-(i_r + h_r))), 1 / (1 + np.exp(-(i_z + h_z)))
        n = np.tanh(i_n + r * h_n)
        steps.append((x_t, h, r, z, n, h_n))
        h = (1 - z) * n + z * h
    found = {name: np.zeros_like(value) for name, value in state_dict.items()}
    dh = np.zeros_like(h)
    for (x_t, h, r, z, n, h_n), d in zip(steps[::-1], dout[::-1], strict=True):
        dh = dh + d
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (h - n) * z * (1 - z)
        dr = dn * h_n * r * (1 - r)
        d_i = np.concatenate([dr, dz, dn], axis=1)
        d_h = np.concatenate([dr, dz, dn * r], axis=1)
        found["rnn.weight_ih_l0"] += d_i.T @ x_t
        found["rnn.weight_hh_l0"] += d_h.T @ h
        found["rnn.bias_ih_l0"] += d_i.sum(axis=0)
        found["rnn.bias_hh_l0"] += d_h.sum(axis=0)
        dh = dh * z + d_h @ w_hh
    return found
