"""Character-level recurrent network: truncated backpropagation through time by hand.

Karpathy, min-char-rnn, https://gist.github.com/karpathy/d4dee566867f8291f086; truncation: Williams
and Peng 1990, https://doi.org/10.1162/neco.1990.2.4.490

The recurrence is that of ``char_rnn``. The loss of step t passes through the steps since_t to t
only, with ``since_t = max(0, t-k+1)``; so each step has k adjoints, by the age of the loss that
they come from (age 0: this step's own)::

    dy_t          = w_t (p_t - z_t)
    dh_t[0]       = Whyᵀ dy_t
    dh_t[a]       = dhnext[a-1]                 0 < a < k; what is older is dropped
    dhraw_t[a]    = (1 - h_t²) ⊙ dh_t[a]
    dhnext[a]     = Whhᵀ dhraw_t[a]
    dWhh = Σ_t Σ_a dhraw_t[a] h_{t-1}ᵀ, and dWxh, dbh likewise; dWhy, dby as without truncation
    dh0  = Σ_a dhnext[a] after the first step

Where the sequence is cut into chunks of k steps instead, ``since_t = k⌊t/k⌋``, no ages are needed:
the carry is dropped after the first step of a chunk, except after that of the sequence.

Shapes: as in ``char_rnn``; the adjoints of one step are an array (k H).
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.char_rnn import forward, output
from rnnverify.records import Array, Case

WEIGHTS = ("Wxh", "Whh", "Why", "bh", "by")


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its truncated gradient for every weight, clipped, and for h0.

    Args:
        case: A case of ``char_rnn`` with a truncation; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of Wxh, Whh, Why, bh, by, h0, in the shapes of their arrays.
    """
    assert case.truncation is not None
    h = forward(case)
    loss, dy = output(case, h[1:])
    backward = chunked if case.truncation.chunks else sliding
    dhraw, dh0 = backward(case, h, dy @ case["Why"], case.truncation.steps)
    dWxh = np.zeros_like(case["Wxh"])
    np.add.at(dWxh.T, case["inputs"], dhraw)
    raw = {
        "Wxh": dWxh,
        "Whh": dhraw.T @ h[:-1],
        "Why": dy.T @ h[1:],
        "bh": dhraw.sum(axis=0),
        "by": dy.sum(axis=0),
    }
    return clip_gradients(raw, case.clip) | {"h0": dh0, "loss": loss}


def sliding(case: Case, h: Array, from_output: Array, k: int) -> tuple[Array, Array]:
    """Return Σ_a dhraw (T H) and dh0, each loss going back k steps, given Whyᵀ dy (T H)."""
    slope = 1 - h[1:] ** 2
    total = np.empty_like(from_output)
    dh = np.zeros((min(k, len(total)), h.shape[1]), case.dtype)
    dhnext = np.zeros_like(dh)
    for t in reversed(range(len(total))):
        dh[0], dh[1:] = from_output[t], dhnext[:-1]
        dhraw = slope[t] * dh
        total[t] = dhraw.sum(axis=0)
        dhnext = dhraw @ case["Whh"]
    return total, dhnext.sum(axis=0)


def chunked(case: Case, h: Array, from_output: Array, k: int) -> tuple[Array, Array]:
    """Return dhraw (T H) and dh0, the sequence being cut every k steps, given Whyᵀ dy (T H)."""
    slope = 1 - h[1:] ** 2
    dhraw = np.empty_like(from_output)
    dhnext = np.zeros_like(h[0])
    for t in reversed(range(len(dhraw))):
        dhraw[t] = slope[t] * (from_output[t] + dhnext)
        first_of_chunk = t > 0 and t % k == 0
        dhnext = np.zeros_like(dhnext) if first_of_chunk else dhraw[t] @ case["Whh"]
    return dhraw, dhnext
