"""Checkers as they are timed: all that can be done once for a gradient is done before.

What a checker compiles is kept, and each gets a loss in its own language, where peers of detection
get that of the model: JAX's one in JAX, jitted, and torch's one in torch. That of the model is
faster than torch's, and so gradcheck is also timed with that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.peers import (
    Problem,
    autograd_check_grads,
    passes,
    scipy_check_grad,
    torch_gradcheck,
)
from benchmarks.problems import contest, count, parameters
from benchmarks.rows import OURS
from benchmarks.torch_models import RECURRENCES
from rnnverify import programs
from rnnverify.builtin import find_system
from rnnverify.checker import check
from rnnverify.records import Candidate, Case

Check = Callable[[], bool]
"""Whether the gradient is accepted."""
RELATIVE = 1e-3
"""scipy names no threshold for the length of the error; this is gradcheck's, of the gradient's."""
STEP = 2e-3
"""Length of the step that JAX's check takes; by default it is that for 400 weights."""
CANDIDATE = "candidate"
"""Not a checker, but what all of them call: the forward and the backward pass."""
COLD = "cold"
"""rnnverify's first check of such sizes in a process, with nothing compiled."""


@dataclass(frozen=True)
class Checker:
    """A checker that is timed.

    Attributes:
        prepare: Takes a case and a candidate; returns the check.
        package: What has to be installed.
        linear: Whether it takes the loss for every parameter.
    """

    prepare: Callable[[Case, Candidate], Check]
    package: str
    linear: bool = False


def ours(case: Case, candidate: Candidate) -> Check:
    """Return rnnverify's check, of all entries."""
    return lambda: check(case, candidate, timeout=None).kind == "match"


def gradient_alone(case: Case, candidate: Candidate) -> Check:
    """Return a call of the candidate, which is no check."""
    return lambda: bool(candidate(case))


def forget() -> None:
    """Leave rnnverify and JAX nothing of what they have compiled in this process."""
    import_module("jax").clear_caches()
    programs._programs.clear()  # noqa: SLF001 - only a benchmark wants to be slow


def with_contest(peer: Callable[[Problem], bool]) -> Callable[[Case, Candidate], Check]:
    """Return what prepares one of the peers that detection uses, too."""

    def prepare(case: Case, candidate: Candidate) -> Check:
        return partial(peer, contest(case, candidate))

    return prepare


def in_torch(*, fast_mode: bool) -> Callable[[Case, Candidate], Check]:
    """Return what prepares gradcheck, the forward pass being in torch's own operations."""

    def prepare(case: Case, candidate: Candidate) -> Check:
        torch = import_module("torch")
        fixed = {name: torch.from_numpy(np.array(array)) for name, array in case.items()}
        recurrence, _ = RECURRENCES[case.system]
        names, problem = parameters(case), contest(case, candidate)

        def loss(weights: Sequence[Any]) -> Any:
            return recurrence(fixed | dict(zip(names, weights, strict=True)))

        return lambda: torch_gradcheck(problem, fast_mode=fast_mode, loss=loss)

    return prepare


def scipy(case: Case, candidate: Candidate) -> Check:
    """Return scipy's check, with a threshold that is in proportion to the gradient."""
    problem = contest(case, candidate)
    right = contest(case, find_system(case.system).gradients)
    threshold = RELATIVE * float(np.linalg.norm(right.gradient_of_flat(right.flat)))
    return lambda: scipy_check_grad(problem, threshold=threshold)


def jax_jitted(case: Case, candidate: Candidate) -> Check:
    """Return JAX's check of a jitted loss, whose gradient is the candidate's.

    What asks for the gradient is not jitted: ``jax.pure_callback`` would take as long, but forgets
    in threads of its own that numbers are float64. The step is as long for any number of weights:
    by itself JAX's grows with it, so that with 500,000 it accuses what is right.
    """
    jax, test_util = import_module("jax"), import_module("jax.test_util")
    problem, plain = contest(case, candidate), jax.jit(jax_loss(case))

    def backward(weights: Any, upstream: Any) -> Any:
        gradient = problem.gradient([np.asarray(weight) for weight in weights])
        return tuple(upstream * each for each in gradient)

    loss = jax.custom_vjp(plain)
    loss.defvjp(lambda *weights: (plain(*weights), weights), backward)
    check_grads = partial(
        test_util.check_grads, order=1, modes=["rev"], eps=STEP / count(case) ** 0.5
    )

    def accepted() -> bool:
        with jax.enable_x64(True):  # noqa: FBT003 - JAX's own signature
            return passes(lambda: check_grads(loss, problem.weights))

    return accepted


def jax_loss(case: Case) -> Callable[..., Any]:
    """Return the reference's loss as a function of the weights and the initial states."""
    jax, system = import_module("jax"), find_system(case.system)
    every_step = {name: case[name] for name, axes in system.inputs.items() if axes.is_scanned}

    def loss(*given: Any) -> Any:
        of = dict(zip(parameters(case), given, strict=True))
        weights = {name: of[name] for name in system.weights}
        start = system.init(weights, {name: of[name] for name in system.state})
        assert system.step is not None
        carry, losses = jax.lax.scan(partial(system.step, weights), start, every_step)
        total = losses @ case["loss_weights"] if "loss_weights" in case else losses.sum()
        return total if system.final is None else total + system.final(carry, case)

    return loss


CHECKERS: Mapping[str, Checker] = MappingProxyType(
    {
        OURS: Checker(ours, "rnnverify"),
        COLD: Checker(ours, "rnnverify"),
        CANDIDATE: Checker(gradient_alone, "rnnverify"),
        "torch slow": Checker(in_torch(fast_mode=False), "torch", linear=True),
        "torch slow, NumPy": Checker(
            with_contest(partial(torch_gradcheck, fast_mode=False)), "torch", linear=True
        ),
        "torch fast": Checker(in_torch(fast_mode=True), "torch"),
        "torch fast, NumPy": Checker(
            with_contest(partial(torch_gradcheck, fast_mode=True)), "torch"
        ),
        "jax check_grads": Checker(jax_jitted, "jax"),
        "scipy": Checker(scipy, "scipy", linear=True),
        "autograd": Checker(with_contest(autograd_check_grads), "autograd"),
    }
)
"""By the names that rows have."""
