"""The work on which checkers are timed: a plain case, its loss, and the model's gradient."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from benchmarks.losses import LOSSES
from benchmarks.peers import Problem
from benchmarks.sizes import DIMS
from rnnverify.axes import INTEGERS, LINEAR
from rnnverify.builtin import find_system
from rnnverify.records import Array, Candidate, Case
from rnnverify.systems import System

SEED = 0
GAIN = 0.5


@cache
def plain_case(system: str, size: int, steps: int) -> Case:
    """Return a well-conditioned case in float64; the same arguments give the same one.

    Reals are normal, those of weights multiplied by 0.5 / √H; tokens are uniform; loss weights and
    cotangents are 1.
    """
    described = find_system(system)
    dims = {"T": steps, **DIMS[system][size]}
    random = np.random.default_rng(SEED)
    return described.case({name: drawn(described, name, dims, random) for name in described.arrays})


def drawn(system: System, name: str, dims: dict[str, int], random: np.random.Generator) -> Array:
    """Return one array of a plain case."""
    axes = system.arrays[name]
    shape = axes.shape(dims)
    if axes.values in INTEGERS:
        return random.integers(0, dims[axes.below or "T"], shape)
    if axes.values in LINEAR:
        return np.ones(shape)
    if axes.values == "bits":
        return random.integers(0, 2, shape).astype(np.float64)
    normal = random.standard_normal(shape)
    return GAIN * normal / np.sqrt(dims["H"]) if name in system.weights else normal


def count(case: Case) -> int:
    """Return P: how many numbers are in the weights and the initial states."""
    return sum(case[name].size for name in parameters(case))


def parameters(case: Case) -> tuple[str, ...]:
    """Return the names of the weights and the initial states."""
    system = find_system(case.system)
    return (*system.weights, *system.state)


def contest(case: Case, candidate: Candidate) -> Problem:
    """Return what peers are asked about: the loss of the forward pass alone, and a gradient.

    The arrays of one case are exchanged in place, so that nobody is timed for making cases.
    """
    names, held = parameters(case), dict(case.arrays)
    own, loss = case.replace(arrays=held), LOSSES[case.system]

    def at(weights: Sequence[Array]) -> Case:
        held.update(zip(names, weights, strict=True))
        return own

    def gradient(weights: Sequence[Array]) -> list[Array]:
        got = candidate(at(weights))
        return [np.asarray(got[name]) for name in names]

    return Problem(
        loss=lambda weights: float(loss(at(weights))),
        gradient=gradient,
        weights=[case[name] for name in names],
    )
