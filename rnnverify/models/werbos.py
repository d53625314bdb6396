"""Ordered network with a memory of two steps: forward pass and ordered derivatives by hand.

Werbos 1990, "Backpropagation through time: what it does and how to do it",
https://doi.org/10.1109/5.58337

Recurrence; units 1 to m are inputs, m+1 to N+n are computed in order, the last n are outputs::

    x_i(t)   = X_i(t)                                                          i ≤ m
    net_i(t) = Σ_{j<i} W_ij x_j(t) + Σ_j W'_ij x_j(t-1) + Σ_j W''_ij x_j(t-2)
    x_i(t)   = s(net_i(t)),  s(z) = 1/(1 + exp(-z))                            i > m
    Ŷ_i(t)   = x_{i+N}(t)
    E        = Σ_t w_t Σ_i ½ (Ŷ_i(t) - Y_i(t))²

Ordered derivatives, from the last time to the first and from the last unit to the first; F_net is 0
after the last step and for i ≤ m, and ``F_Ŷ_i(t) = w_t (Ŷ_i(t) - Y_i(t))`` is 0 for i ≤ 0::

    F_x_i(t)   = F_Ŷ_{i-N}(t) + Σ_{j>i} W_ji F_net_j(t)
                 + Σ_j W'_ji F_net_j(t+1) + Σ_j W''_ji F_net_j(t+2)
    F_net_i(t) = F_x_i(t) x_i(t) (1 - x_i(t))
    F_W_ij   = Σ_t F_net_i(t) x_j(t)            j < i
    F_W'_ij  = Σ_t F_net_i(t) x_j(t-1)
    F_W''_ij = Σ_t F_net_i(t) x_j(t-2)
    F_x(0)   = W'ᵀ F_net(1) + W''ᵀ F_net(2)     F_x(-1) = W''ᵀ F_net(1)
    F_X_i(t) = F_x_i(t)                         i ≤ m

Written as Σ_t F_net_i(t+1) x_j(t), the sum for F_W' begins at t = 0, that for F_W'' at t = -1: to
begin both at t = 1 is right only where the states before are zero.

Shapes, with k = N - m hidden units: W, W1 (W') and W2 (W'') (m+k+n m+k+n), entry ij from unit j to
unit i, W strictly lower triangular; x0 and x_1, the states x(0) and x(-1) (m+k+n); X (T m),
Y (T n), loss_weights (T). Rows i ≤ m of W, W1 and W2 are not used.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.activations import sigmoid
from rnnverify.records import Array, Case

WEIGHTS = ("W", "W1", "W2")


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for x0, x_1 and X.

    Args:
        case: A case of ``werbos``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of W, W1, W2, x0, x_1, X, in the shapes of their arrays.
    """
    n = case["Y"].shape[1]
    x = forward(case)
    error = x[2:, -n:] - case["Y"]
    raw = backward(case, x, case["loss_weights"][:, None] * error)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return raw | clipped | {"loss": 0.5 * case["loss_weights"] @ (error**2).sum(axis=1)}


def forward(case: Case) -> Array:
    """Return all units (T+2 m+k+n): row 0 is x(-1), row 1 is x(0), row t+1 is x(t)."""
    W, W1, W2, X = case["W"], case["W1"], case["W2"], case["X"]
    (T, m), units = X.shape, len(W)
    x = np.zeros((T + 2, units), case.dtype)
    x[0], x[1], x[2:, :m] = case["x_1"], case["x0"], X
    for t in range(2, T + 2):
        lagged = W1 @ x[t - 1] + W2 @ x[t - 2]
        for i in range(m, units):
            x[t, i] = sigmoid(W[i, :i] @ x[t, :i] + lagged[i])
    return x


def backward(case: Case, x: Array, F_Y: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given all units (T+2 m+k+n) and F_Ŷ (T n)."""
    W, W1, W2, (T, m) = case["W"], case["W1"], case["W2"], case["X"].shape
    units, n = len(W), F_Y.shape[1]
    F_x, F_net = np.zeros((T, units), case.dtype), np.zeros((T + 2, units), case.dtype)
    F_x[:, units - n :] = F_Y
    slope = x[2:] * (1 - x[2:])
    for t in reversed(range(T)):
        F_x[t] += F_net[t + 1] @ W1 + F_net[t + 2] @ W2
        for i in reversed(range(units)):
            F_x[t, i] += W[i + 1 :, i] @ F_net[t, i + 1 :]
            F_net[t, i] = F_x[t, i] * slope[t, i] if i >= m else 0
    return {
        "W": np.tril(F_net[:T].T @ x[2:], -1),
        "W1": F_net[:T].T @ x[1:-1],
        "W2": F_net[:T].T @ x[:-2],
        "x0": F_net[0] @ W1 + F_net[1] @ W2,
        "x_1": F_net[0] @ W2,
        "X": F_x[:, :m],
    }
