"""Contributions of single steps: is one missing, or cut off, or counted twice?

The right gradient is a sum over the steps s whose losses it is of, and the steps t ≤ s at which a
weight is used. Much that people do wrong leaves some of these contributions out.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from rnnverify.diagnosis.relation import Relation
from rnnverify.diagnosis.witnesses import Witness
from rnnverify.records import Array


class Steps(NamedTuple):
    """The steps s of losses (T 1), those t at which weights are used (1 T), and their number."""

    s: Array
    t: Array
    T: int


Share = Callable[[Steps], Array]
"""How often each contribution counts."""

_SHARES: tuple[tuple[str, str, Share], ...] = (
    ("step_0_missing", "lacks the contribution of step 0", lambda at: at.t > 0),
    ("last_step_missing", "lacks the contribution of the last step", lambda at: at.t < at.T - 1),
    ("last_step_only", "has the contribution of the last step only", lambda at: at.t == at.T - 1),
    ("step_0_only", "has the contribution of step 0 only", lambda at: at.t == 0),
    ("last_loss_only", "is that of the last step's loss only", lambda at: at.s == at.T - 1),
    ("last_loss_missing", "lacks the last step's loss", lambda at: at.s < at.T - 1),
    ("first_loss_missing", "lacks the loss of step 0", lambda at: at.s > 0),
    ("own_losses_missing", "lacks each step's own loss", lambda at: at.s > at.t),
    ("step_0_twice", "has the contribution of step 0 twice", lambda at: 1 + (at.t == 0)),
    ("last_step_twice", "has that of the last step twice", lambda at: 1 + (at.t == at.T - 1)),
    ("carry_negative", "is as if the carry had the wrong sign", lambda at: (-1.0) ** (at.s - at.t)),
    ("carry_doubled", "is as if each carry were doubled", lambda at: 2.0 ** (at.s - at.t)),
    ("carry_halved", "is as if each carry were halved", lambda at: 0.5 ** (at.s - at.t)),
)


def step_relations(witness: Witness) -> Iterator[Relation]:
    """Return the sums of contributions that may explain a gradient, the plainest first.

    Args:
        witness: The case that says most.
    """
    steps = witness.steps
    if not witness.splits:
        return
    yield _made("nothing_carried_back", "has nothing in it that is carried back", _lag_below(1))
    for k in range(2, steps):
        yield _made(
            f"truncated_after_{k}_steps", f"is as if truncated after {k} steps", _lag_below(k)
        )
    for key, text, share in _SHARES:
        yield _made(key, text, share)
    for k in range(2, steps):
        said = f"has the contributions of the last {k} steps only"
        yield _made(f"last_{k}_steps_only", said, _among_the_last(k))
        said = f"is as if nothing passed from each {k} steps to those before"
        yield _made(f"cut_every_{k}_steps", said, _same_chunk(k))


def _lag_below(k: int) -> Share:
    return lambda at: at.s - at.t < k


def _among_the_last(k: int) -> Share:
    return lambda at: at.t >= at.T - k


def _same_chunk(k: int) -> Share:
    return lambda at: at.s // k == at.t // k


def _made(key: str, text: str, share: Share) -> Relation:
    return Relation("steps", key, text, partial(_sum, share))


def _sum(share: Share, witness: Witness, name: str) -> Array:
    """Return Σ share(s, t) · contribution(s, t), of which those with t > s are zero.

    The initial state, and a weight that the first carry is made of, are used at step 0; the step of
    a real input is its own.
    """
    question, T = witness.question, witness.steps
    system, split = question.system, question.evaluation.split[name]
    at = Steps(np.arange(T)[:, None], np.arange(T)[None, :], T)
    shares = np.broadcast_to(share(at), (T, T)) * (at.s >= at.t).astype(float)
    if name in system.weights:
        total = np.tensordot(np.hstack([shares, shares[:, :1]]), split, axes=2)
    elif name in system.inputs:
        total = np.einsum("st,st...->t...", shares, split)
    else:
        total = np.tensordot(shares[:, 0], split, axes=1)
    return np.asarray(question.factor * total)
