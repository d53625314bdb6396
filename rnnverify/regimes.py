"""Regimes: what a generated case's arrays look like, built in NumPy from a choice and a seed.

Each table goes from the plainest to the most hostile, so that a case shrinks towards readable
numbers; how often a name is drawn is its share. Most cases are well conditioned. The hostile
regimes are where bugs and checkers hide their weaknesses: saturated units, exploding and vanishing
recurrences, structured matrices, one repeated token, a loss at one step only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rnnverify.axes import Axes, Values
from rnnverify.records import Array
from rnnverify.systems import System

Shares = Mapping[str, int]

WEIGHTS: Shares = {
    "rounded": 6,  # multiples of ¼ between -1 and 1
    "scaled": 13,  # normal, 1/√(fan in)
    "normal": 2,
    "mixed scales": 3,  # each array by its own power of ten, or zero
    "integers": 1,
    "sparse": 1,
    "tiny": 1,
    "saturated": 1,
    "large": 1,
}
RECURRENT: Shares = {
    "as drawn": 14,
    "radius 0.9": 4,
    "radius 0.2": 1,
    "radius 0": 1,
    "radius 1": 1,
    "radius 1.5": 1,
    "orthogonal": 2,
    "identity": 1,
    "radius 6": 1,
}
SEQUENCE: Shares = {"random": 4, "few": 2, "constant": 1}
STATE: Shares = {"random": 3, "zero": 1}
LOSS: Shares = {"ones": 3, "last step": 2, "one step": 1, "sparse": 2, "signed": 3}
BEYOND: Shares = {"half": 3, "none": 3, "few": 1, "most": 2, "all": 1}

BEYOND_SHARE = {"half": 0.5, "none": 0.0, "few": 0.2, "most": 0.8, "all": 1.0}

DENSITY = 0.3
"""The share of entries that is not zero where something is sparse."""


@dataclass(frozen=True)
class Regime:
    """One choice from each table."""

    weights: str
    recurrent: str
    sequence: str
    state: str
    loss: str
    beyond: str

    @property
    def key(self) -> list[int]:
        """Numbers that stand for the choices, to seed a generator with."""
        return [list(TABLES[table]).index(choice) for table, choice in vars(self).items()]

    @property
    def labels(self) -> tuple[str, ...]:
        """What a report counts."""
        return tuple(f"{field}: {choice}" for field, choice in vars(self).items())


TABLES: Mapping[str, Shares] = {
    "weights": WEIGHTS,
    "recurrent": RECURRENT,
    "sequence": SEQUENCE,
    "state": STATE,
    "loss": LOSS,
    "beyond": BEYOND,
}


def build(
    system: System, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> dict[str, Array]:
    """Return every array of a case, in float64 (token ids and lengths: int64).

    Args:
        system: Whose case it is.
        dims: The size of each axis.
        regime: How the arrays are made.
        random: Where their randomness comes from.
    """
    arrays = {}
    for name, axes in system.weights.items():
        arrays[name] = _weight(axes, dims, regime, random)
        if system.has_kinks and len(axes.names) == 1:
            arrays[name] += _small_odds(arrays[name].shape, random)
    for name, axes in system.state.items():
        state = _entries(axes.shape(dims), regime.weights, random)
        arrays[name] = np.zeros_like(state) if regime.state == "zero" else state
    for name, axes in system.inputs.items():
        arrays[name] = _INPUTS[axes.values](axes, dims, regime, random)
    if "lengths" in arrays and regime.loss == "last step":
        for name in system.linear:
            _hear_the_ends(arrays[name], arrays["lengths"])
    return arrays


def _hear_the_ends(cotangent: Array, lengths: Array) -> None:
    """Let the loss depend on each sequence's own last output, as that of a classifier does."""
    if cotangent.ndim > 2:  # noqa: PLR2004 - (T B H); that of a last state (B H) is where it belongs
        rows = np.arange(len(lengths))
        cotangent[lengths - 1, rows] = cotangent[-1, rows]


def _weight(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    drawn = _entries(axes.shape(dims), regime.weights, random)
    if axes.values == "strictly lower":
        return np.tril(drawn, -1)
    if drawn.ndim > 1 and axes.names[0] == axes.names[-1]:
        blocks = drawn.reshape(len(drawn), -1, len(drawn)).swapaxes(0, 1)
        made = [_recurrence(block, regime.recurrent, random) for block in blocks]
        return np.stack(made, axis=1).reshape(drawn.shape)
    return drawn * 10 if regime.weights == "saturated" else drawn


def _small_odds(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Return odd multiples of 2^-10 below ¼, which no product of the plain regimes cancels."""
    return np.asarray(2 * random.integers(-128, 128, shape) + 1) / 1024


def _entries(shape: tuple[int, ...], kind: str, random: np.random.Generator) -> Array:
    normal = random.standard_normal(shape)
    scaled = normal / np.sqrt(shape[-1])
    made: dict[str, Callable[[], Array]] = {
        "rounded": lambda: random.integers(-4, 5, shape) / 4,
        "normal": lambda: normal,
        "mixed scales": lambda: scaled * random.choice([0, 0.01, 0.1, 1, 1, 10]),
        "integers": lambda: random.integers(-2, 3, shape).astype(np.float64),
        "sparse": lambda: normal * (random.random(shape) < DENSITY),
        "tiny": lambda: scaled * 0.01,
        "large": lambda: scaled * random.choice([5, 30]),
    }
    return made[kind]() if kind in made else scaled


def _recurrence(drawn: Array, kind: str, random: np.random.Generator) -> Array:
    if kind == "identity":
        return np.eye(len(drawn))
    if kind == "orthogonal":
        return np.linalg.qr(random.standard_normal(drawn.shape))[0]
    if kind == "radius 0":
        return np.tril(drawn, -1)
    if kind.startswith("radius"):
        radius = np.abs(np.linalg.eigvals(drawn)).max()
        return drawn * (float(kind.split()[1]) / radius) if radius > 0 else drawn
    return drawn


def _tokens(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    assert axes.below is not None
    known = np.arange(dims[axes.below])
    if regime.sequence != "random":
        known = random.choice(known, 1 if regime.sequence == "constant" else 2)
    return random.choice(known, axes.shape(dims))


def _bits(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    return _repeated(random.integers(0, 2, axes.shape(dims)).astype(np.float64), regime)


def _probabilities(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    return _repeated(random.integers(0, 9, axes.shape(dims)) / 8, regime)


def _reals(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    return _repeated(_entries(axes.shape(dims), regime.weights, random), regime)


def _repeated(drawn: Array, regime: Regime) -> Array:
    """Return a sequence of the regime's kind, made of the first steps of a random one."""
    kept = {"random": len(drawn), "few": 2, "constant": 1}[regime.sequence]
    return drawn[np.arange(len(drawn)) % kept]


def _lengths(
    axes: Axes, dims: Mapping[str, int], _regime: Regime, random: np.random.Generator
) -> Array:
    """Return lengths; in half of the cases one is the longest there can be."""
    drawn = random.integers(1, dims["T"] + 1, axes.shape(dims))
    if random.integers(2):
        drawn[random.integers(len(drawn))] = dims["T"]
    return drawn


def _loss_weights(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    (steps,) = axes.shape(dims)
    if regime.loss == "ones":
        return np.ones(steps)
    signed = _signed((steps,), regime, random)
    return np.where(_heard(steps, regime, random), signed, 0.0)


def _cotangents(
    axes: Axes, dims: Mapping[str, int], regime: Regime, random: np.random.Generator
) -> Array:
    """Return an upstream gradient: of every step, or of the state after the last."""
    shape = axes.shape(dims)
    if regime.loss == "ones":
        return np.ones(shape)
    signed = _signed(shape, regime, random)
    if not axes.is_scanned:
        heard_at_all = regime.loss != "one step" or dims["T"] == 1
        return signed if heard_at_all else np.zeros(shape)
    heard = _heard(len(signed), regime, random)
    return np.where(heard.reshape(-1, *[1] * (signed.ndim - 1)), signed, 0.0)


def _signed(shape: tuple[int, ...], regime: Regime, random: np.random.Generator) -> Array:
    signed = random.integers(1, 9, shape) / 4 * random.choice([-1, 1], shape)
    return np.asarray(
        signed * (1 if regime.weights == "rounded" else random.uniform(0.5, 1, shape))
    )


def _heard(steps: int, regime: Regime, random: np.random.Generator) -> Array:
    """Return which steps' outputs the loss depends on."""
    t = np.arange(steps)
    one = t == random.integers(steps)
    kept: dict[str, Array] = {
        "signed": t >= 0,
        "last step": t == steps - 1,
        "one step": one,
        "sparse": one | (random.random(steps) < DENSITY),
    }
    return kept[regime.loss]


Maker = Callable[[Axes, Mapping[str, int], Regime, np.random.Generator], Array]

_INPUTS: Mapping[Values, Maker] = {
    "tokens": _tokens,
    "bits": _bits,
    "probabilities": _probabilities,
    "reals": _reals,
    "lengths": _lengths,
    "loss weights": _loss_weights,
    "cotangents": _cotangents,
}
