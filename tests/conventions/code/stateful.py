"""An object that keeps its state; gradients are attributes dW, which are added to."""

import numpy as np

from rnnverify.records import Array

NAMES = ("Wxh", "Whh", "Why", "bh", "by")


class CharRNN:
    """Weights, gradients and the state are attributes, set from outside."""

    Wxh: Array
    Whh: Array
    Why: Array
    bh: Array
    by: Array
    h: Array

    def zero_grad(self) -> None:
        """Reset the gradients."""
        for name in NAMES:
            setattr(self, f"d{name}", np.zeros_like(getattr(self, name)))

    def step(self, inputs: Array, targets: Array) -> None:
        """Read a sequence, beginning in the present state, and add to the gradients."""
        self.zero_grad()
        hs, ps = [self.h], []
        for i in inputs:
            hs.append(np.tanh(self.Wxh[:, i] + self.Whh @ hs[-1] + self.bh))
            y = self.Why @ hs[-1] + self.by
            ps.append(np.exp(y - y.max()) / np.exp(y - y.max()).sum())
        self.h = hs[-1]
        carry = np.zeros_like(self.h)
        for t in range(len(inputs) - 1, -1, -1):
            ps[t][targets[t]] -= 1
            self.add("Why", np.outer(ps[t], hs[t + 1]))
            self.add("by", ps[t])
            dz = (self.Why.T @ ps[t] + carry) * (1 - hs[t + 1] ** 2)
            self.add("Whh", np.outer(dz, hs[t]))
            self.add("bh", dz)
            self.add("Wxh", np.outer(dz, np.eye(self.Wxh.shape[1])[inputs[t]]))
            carry = self.Whh.T @ dz
        self.dh0 = carry

    def add(self, name: str, gradient: Array) -> None:
        """Add to a gradient."""
        getattr(self, f"d{name}")[...] += gradient


net = CharRNN()
