"""Character-level recurrent network: forward pass and backpropagation through time by hand.

Karpathy, min-char-rnn, https://gist.github.com/karpathy/d4dee566867f8291f086

Recurrence (x_t the one-hot input, z_t the one-hot target; columns, as in the source)::

    h_t = tanh(Wxh x_t + Whh h_{t-1} + bh)
    y_t = Why h_t + by
    p_t = softmax(y_t)
    L   = -Σ_t w_t log Σ_k p_t^k z_t^k

Backwards, from the last step to the first, with dhnext = 0 after the last::

    dy_t    = w_t (p_t - z_t)
    dh_t    = Whyᵀ dy_t + dhnext                dhnext = ∂L_{t+1:end}/∂h_t
    dhraw_t = (1 - h_t²) ⊙ dh_t
    dhnext  = Whhᵀ dhraw_t
    dWhy = Σ_t dy_t h_tᵀ     dby = Σ_t dy_t
    dWxh = Σ_t dhraw_t x_tᵀ  dWhh = Σ_t dhraw_t h_{t-1}ᵀ  dbh = Σ_t dhraw_t
    dh0  = dhnext after the first step

Shapes: Wxh (H V), Whh (H H), Why (V H), bh (H), by (V), h0 (H), inputs (T), targets (T),
loss_weights (T).

A public line-by-line explanation of this code, otherwise a good one, has slips in print:

- It prints ``C_t = log(Σ_k p_t^k x_t^k)``. The sign is wrong, and the symbol: what is meant is
  ``-log(Σ_k p_t^k z_t^k)``, with z_t the *target*. The sum above it, ``Cost``, has the right sign.
- ``∂Cost/∂y = p - x`` likewise means ``p - z``, as the code's ``dy[targets[t]] -= 1`` has it;
  so do "x is one-hot, 1 at targets[t]" and "subtract y".
- ``h_t = tanh(Wxh x_t + Whh h_{t-1})`` leaves out ``bh``, though ``dbh`` is computed.
- The second line displayed for ``∂Cost_t/∂Why`` is ``∂Cost_t/∂by``.
- ``dhraw`` is also called ``dhrw``, and ``dhnex`` is read where ``dhnnext`` is written: as printed
  the code stops with a NameError; with ``dhnex`` set to zero beforehand it carries nothing back.
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.records import Array, Case

WEIGHTS = ("Wxh", "Whh", "Why", "bh", "by")


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its gradient for every weight, clipped, and for h0.

    Args:
        case: A case of ``char_rnn``; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of Wxh, Whh, Why, bh, by, h0, in the shapes of their arrays.
    """
    h = forward(case)
    loss, dy = output(case, h[1:])
    raw = backward(case, h, dy)
    clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
    return {**clipped, "h0": raw["h0"], "loss": loss}


def forward(case: Case) -> Array:
    """Return the hidden states (T+1 H); row 0 is the initial state, row t+1 that after step t."""
    Whh, h0, inputs = case["Whh"], case["h0"], case["inputs"]
    h = np.empty((len(inputs) + 1, len(h0)), case.dtype)
    h[0] = h0
    wx = case["Wxh"].T[inputs] + case["bh"]
    for t in range(len(inputs)):
        np.tanh(wx[t] + Whh.dot(h[t]), out=h[t + 1])  # for a vector, sooner done than by @
    return h


def output(case: Case, h: Array) -> tuple[Array, Array]:
    """Return the loss and its derivative dy (T V) by the outputs y, given h (T H)."""
    targets, w = case["targets"], case["loss_weights"]
    steps = np.arange(len(targets))
    y = h @ case["Why"].T + case["by"]
    y -= y.max(axis=1, keepdims=True)
    p = np.exp(y)
    total = p.sum(axis=1, keepdims=True)
    loss = w @ (np.log(total[:, 0]) - y[steps, targets])
    dy = p / total
    dy[steps, targets] -= 1
    dy *= w[:, None]
    return loss, dy


def backward(case: Case, h: Array, dy: Array) -> dict[str, Array]:
    """Return the unclipped gradients, given h (T+1 H) and dy (T V)."""
    Whh, inputs = case["Whh"], case["inputs"]
    dh = dy @ case["Why"]
    slope = 1 - h[1:] ** 2
    dhraw = np.empty_like(dh)
    dhnext = np.zeros_like(h[0])
    for t in reversed(range(len(inputs))):
        dhraw[t] = slope[t] * (dh[t] + dhnext)
        dhnext = dhraw[t] @ Whh
    x = (inputs[:, None] == np.arange(len(case["by"]))).astype(case.dtype)
    return {
        "Wxh": dhraw.T @ x,
        "Whh": dhraw.T @ h[:-1],
        "Why": dy.T @ h[1:],
        "bh": dhraw.sum(axis=0),
        "by": dy.sum(axis=0),
        "h0": dhnext,
    }
