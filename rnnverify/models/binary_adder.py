"""Recurrent network that adds binary numbers: forward pass and backpropagation by hand.

Trask 2015, "Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)",
https://iamtrask.github.io/2015/11/15/anyone-can-code-lstm/

Recurrence (least significant bit first; rows; no biases)::

    l1_t = σ(x_t S0 + l1_{t-1} Sh)
    l2_t = σ(l1_t S1)
    L    = ½ Σ_t w_t ‖y_t - l2_t‖²

Backwards, from the last step to the first, with future_l1_delta = 0 after the last::

    l2_delta_t = w_t (l2_t - y_t) ⊙ l2_t (1 - l2_t)
    l1_delta_t = (future_l1_delta Shᵀ + l2_delta_t S1ᵀ) ⊙ l1_t (1 - l1_t)
    future_l1_delta = l1_delta_t
    dS0 = Σ_t x_tᵀ l1_delta_t   dSh = Σ_t l1_{t-1}ᵀ l1_delta_t   dS1 = Σ_t l1_tᵀ l2_delta_t
    dl1_init = l1_delta_1 Shᵀ

Shapes: S0 (D H), Sh (H H), S1 (H K), l1_init (H), x (T D), y (T K), loss_weights (T).

Three things about the source:

- Its line for ``layer_1_delta`` has two terms. A widespread reading finds three in it (the
  current hidden layer, all future hidden layers, the output); but ``future_layer_1_delta`` is
  this layer one step later, not ``layer_2``, and nothing of the current layer is added.
- It *adds* its updates, so its arrays are minus the gradient of L.
- What it prints as the error, Σ|y - l2|, is not the loss that it differentiates.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid
from rnnverify.records import Array, Case

WEIGHTS = ("S0", "Sh", "S1")


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for l1_init.

    Args:
        case: A case of ``binary_adder``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of S0, Sh, S1, l1_init, in the shapes of their arrays.
    """
    l1, l2 = forward(case)
    raw = backward(case, l1, l2)
    loss = 0.5 * case["loss_weights"] @ ((case["y"] - l2) ** 2).sum(axis=1)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return {**clipped, "l1_init": raw["l1_init"], "loss": loss}


def forward(case: Case) -> tuple[Array, Array]:
    """Return the layers l1 (T+1 H), row 0 of which is the initial state, and l2 (T K)."""
    Sh, x = case["Sh"], case["x"]
    l1 = np.empty((len(x) + 1, len(Sh)), case.dtype)
    l1[0] = case["l1_init"]
    xs = x @ case["S0"]
    for t in range(len(x)):
        l1[t + 1] = sigmoid(xs[t] + l1[t] @ Sh)
    return l1, sigmoid(l1[1:] @ case["S1"])


def backward(case: Case, l1: Array, l2: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given l1 (T+1 H) and l2 (T K)."""
    Sh, x, y, w = case["Sh"], case["x"], case["y"], case["loss_weights"]
    l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)
    from_output = l2_delta @ case["S1"].T
    slope = l1[1:] * (1 - l1[1:])
    l1_delta = np.empty_like(from_output)
    from_future = np.zeros_like(l1[0])
    for t in reversed(range(len(x))):
        l1_delta[t] = (from_future + from_output[t]) * slope[t]
        from_future = l1_delta[t] @ Sh.T
    return {
        "S0": x.T @ l1_delta,
        "Sh": l1[:-1].T @ l1_delta,
        "S1": l1[1:].T @ l2_delta,
        "l1_init": from_future,
    }
