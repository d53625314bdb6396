"""The loss is the mean over the steps; one-hot rows in, row vectors for biases and states."""

import numpy as np

from rnnverify.records import Array


def loss_and_grads(
    params: tuple[Array, ...], x: Array, y: Array, h0: Array
) -> tuple[float, dict[str, Array]]:
    """Return the mean loss and its gradients, x and y being one-hot (T V)."""
    Wx, Wh, Wy, bh, by = params
    T = x.shape[0]
    hs, probs = [h0], []
    for t in range(T):
        hs.append(np.tanh(x[t : t + 1] @ Wx + hs[-1] @ Wh + bh))
        logits = hs[-1] @ Wy + by
        e = np.exp(logits - logits.max())
        probs.append(e / e.sum())
    loss = -np.mean([np.log(probs[t][0] @ y[t]) for t in range(T)])
    grads = {
        k: np.zeros_like(v) for k, v in zip(("Wx", "Wh", "Wy", "bh", "by"), params, strict=True)
    }
    dh_next = np.zeros_like(h0)
    for t in reversed(range(T)):
        dlogits = (probs[t] - y[t : t + 1]) / T
        grads["Wy"] += hs[t + 1].T @ dlogits
        grads["by"] += dlogits
        dz = (dlogits @ Wy.T + dh_next) * (1 - hs[t + 1] ** 2)
        grads["Wx"] += x[t : t + 1].T @ dz
        grads["Wh"] += hs[t].T @ dz
        grads["bh"] += dz
        dh_next = dz @ Wh.T
    return float(loss), grads
