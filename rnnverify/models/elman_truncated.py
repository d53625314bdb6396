"""Simple recurrent layer: truncated backpropagation through time by hand.

Elman 1990, "Finding structure in time", https://doi.org/10.1207/s15516709cog1402_1; truncation:
Williams and Peng 1990, https://doi.org/10.1162/neco.1990.2.4.490

The recurrence is that of ``elman``. The loss of step t passes through the steps since_t to t only,
with ``since_t = max(0, t-k+1)``; so each step has k adjoints, by the age of the loss that they come
from (age 0: this step's own)::

    dh_t[0]   = G_t
    dh_t[a]   = dhnext[a-1]                     0 < a < k; what is older is dropped
    dz_t[a]   = (1 - h_t²) ⊙ dh_t[a]
    dhnext[a] = dz_t[a] Whᵀ
    dz_t = Σ_a dz_t[a]; from there dWx, dWh, db, dx as without truncation
    dh0  = Σ_a dhnext[a] after the first step

Where the sequence is cut into chunks of k steps instead, ``since_t = k⌊t/k⌋``, no ages are needed:
the carry is dropped after the first step of a chunk, except after that of the sequence.

Shapes: as in ``elman``, without lengths; the adjoints of one step are an array (k B H).
"""

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models.batches import per_step
from rnnverify.models.elman import forward
from rnnverify.records import Array, Case

WEIGHTS = ("Wx", "Wh", "b")


def gradients(case: Case) -> dict[str, Array]:
    """Return the loss and its truncated gradient for every weight, clipped, and for x and h0.

    Args:
        case: A case of ``elman`` with a truncation; shapes as in the module's docstring.

    Returns:
        ``"loss"`` and the gradients of Wx, Wh, b, h0, x, in the shapes of their arrays.
    """
    assert case.truncation is not None
    G, x = case["G"], case["x"]
    h = forward(case)
    backward = chunked if case.truncation.chunks else sliding
    dz, dh0 = backward(case, h, case.truncation.steps)
    rows = dz.reshape(-1, dz.shape[-1])
    raw = {
        "Wx": x.reshape(len(rows), -1).T @ rows,
        "Wh": h[:-1].reshape(len(rows), -1).T @ rows,
        "b": rows.sum(axis=0),
    }
    states = {"h0": dh0, "x": per_step(dz, case["Wx"].T)}
    return clip_gradients(raw, case.clip) | states | {"loss": (G * h[1:]).sum()}


def sliding(case: Case, h: Array, k: int) -> tuple[Array, Array]:
    """Return Σ_a dz (T B H) and dh0, each loss going back k steps, given h (T+1 B H)."""
    G, slope = case["G"], 1 - h[1:] ** 2
    total = np.empty_like(G)
    dh = np.zeros((min(k, len(G)), *h[0].shape), case.dtype)
    dhnext = np.zeros_like(dh)
    for t in reversed(range(len(G))):
        dh[0], dh[1:] = G[t], dhnext[:-1]
        dz = slope[t] * dh
        total[t] = dz.sum(axis=0)
        dhnext = dz @ case["Wh"].T
    return total, dhnext.sum(axis=0)


def chunked(case: Case, h: Array, k: int) -> tuple[Array, Array]:
    """Return dz (T B H) and dh0, the sequence being cut every k steps, given h (T+1 B H)."""
    G, slope = case["G"], 1 - h[1:] ** 2
    dz = np.empty_like(G)
    dhnext = np.zeros_like(h[0])
    for t in reversed(range(len(G))):
        dz[t] = slope[t] * (G[t] + dhnext)
        first_of_chunk = t > 0 and t % k == 0
        dhnext = np.zeros_like(dhnext) if first_of_chunk else dz[t] @ case["Wh"].T
    return dz, dhnext
