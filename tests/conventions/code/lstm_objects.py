"""Objects for parameters and steps; one sequence of vectors; gradients in ``wi_diff``."""

import numpy as np

from rnnverify.records import Array


def sigmoid(x: Array) -> Array:
    """Return σ(x)."""
    return 1.0 / (1 + np.exp(-x))


class LstmParam:
    """A matrix (H D+H) and a bias (H) for each of the gates g, i, f, o, and their gradients."""

    def __init__(self, **arrays: Array) -> None:
        for name, array in arrays.items():
            setattr(self, name, array)
            setattr(self, f"{name}_diff", np.zeros_like(array))


class LstmNode:
    """One step: goes forward when it is made."""

    def __init__(self, param: LstmParam, x: Array, s_prev: Array, h_prev: Array) -> None:
        self.param, self.s_prev, self.xc = param, s_prev, np.hstack((x, h_prev))
        z = {gate: self.weight(gate) @ self.xc + getattr(param, f"b{gate}") for gate in "gifo"}
        self.g = np.tanh(z["g"])
        self.i, self.f, self.o = (sigmoid(z[gate]) for gate in "ifo")
        self.s = self.g * self.i + s_prev * self.f
        self.h = np.tanh(self.s) * self.o

    def weight(self, gate: str) -> Array:
        """Return the matrix of a gate."""
        array: Array = getattr(self.param, f"w{gate}")
        return array

    def top_diff_is(self, diff_h: Array, diff_s: Array) -> None:
        """Go backward, given the gradients of this step's state and of the cell from above."""
        ds = self.o * (1 - np.tanh(self.s) ** 2) * diff_h + diff_s
        inputs = {
            "i": self.i * (1 - self.i) * self.g * ds,
            "f": self.f * (1 - self.f) * self.s_prev * ds,
            "o": self.o * (1 - self.o) * np.tanh(self.s) * diff_h,
            "g": (1 - self.g**2) * self.i * ds,
        }
        dxc = np.zeros_like(self.xc)
        for gate, d_input in inputs.items():
            getattr(self.param, f"w{gate}_diff")[...] += np.outer(d_input, self.xc)
            getattr(self.param, f"b{gate}_diff")[...] += d_input
            dxc += self.weight(gate).T @ d_input
        self.bottom_diff_s = ds * self.f
        self.bottom_diff_h = dxc[len(self.xc) - len(self.h) :]


def train_on(param: LstmParam, xs: Array, diffs: Array) -> None:
    """Leave the gradients in param, given those of the states; states begin at zero."""
    s = h = np.zeros(diffs.shape[1])
    nodes = []
    for x in xs:
        nodes.append(LstmNode(param, x, s, h))
        s, h = nodes[-1].s, nodes[-1].h
    diff_h = diff_s = np.zeros(diffs.shape[1])
    for node, diff in zip(nodes[::-1], diffs[::-1], strict=True):
        node.top_diff_is(diff + diff_h, diff_s)
        diff_h, diff_s = node.bottom_diff_h, node.bottom_diff_s
