"""What the batched layers share: products over all steps at once, and the ends of sequences."""

import numpy as np

from rnnverify.records import Array, Case


def per_step(x: Array, W: Array) -> Array:
    """Return x_t W for all steps, as one product of all rows: (T B D), (D H) -> (T B H)."""
    return (x.reshape(-1, len(W)) @ W).reshape(*x.shape[:-1], -1)


def upstream(case: Case) -> Array:
    """Return the upstream gradient G (T B H), zero after each sequence's end."""
    G = case["G"]
    if "lengths" not in case:
        return G
    before_the_end = np.arange(len(G))[:, None] < case["lengths"]
    return np.asarray(np.where(before_the_end[..., None], G, 0))


def at_the_end(case: Case, cotangent: Array) -> Array:
    """Return the upstream gradient of the last state (B H) as one of all states (T B H)."""
    G = np.zeros_like(case["G"])
    last = case["lengths"] - 1 if "lengths" in case else -1
    G[last, np.arange(len(cotangent))] = cotangent
    return G
