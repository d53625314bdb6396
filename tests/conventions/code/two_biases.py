"""A class with torch's names, transposed weights, two biases, and gradients in attributes."""

import numpy as np

from rnnverify.records import Array


class RNN:
    """A layer; ``weight_ih`` (H D), ``weight_hh`` (H H), ``bias_ih`` and ``bias_hh`` (H)."""

    def __init__(self, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> None:
        self.weight_ih, self.weight_hh = weight_ih, weight_hh
        self.bias_ih, self.bias_hh = bias_ih, bias_hh

    def forward(self, x: Array, h0: Array) -> Array:
        """Return the states (T B H)."""
        self.x, self.h = x, [h0]
        for x_t in x:
            into = x_t @ self.weight_ih.T + self.bias_ih
            self.h.append(np.tanh(into + self.h[-1] @ self.weight_hh.T + self.bias_hh))
        return np.stack(self.h[1:])

    def backward(self, grad_output: Array) -> Array:
        """Return the gradient of x, and leave those of the parameters in attributes."""
        grad_z = np.zeros_like(grad_output)
        carry = np.zeros_like(self.h[0])
        for t in range(len(grad_output))[::-1]:
            grad_z[t] = (grad_output[t] + carry) * (1 - self.h[t + 1] ** 2)
            carry = grad_z[t] @ self.weight_hh
        before = np.stack(self.h[:-1])
        self.weight_ih_grad = np.einsum("tbh,tbd->hd", grad_z, self.x)
        self.weight_hh_grad = np.einsum("tbh,tbk->hk", grad_z, before)
        self.bias_ih_grad = grad_z.sum(axis=(0, 1))
        self.bias_hh_grad = grad_z.sum(axis=(0, 1))
        self.h0_grad = carry
        return grad_z @ self.weight_ih
