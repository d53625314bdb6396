"""Other checkers of gradients, each used as its documentation says: does it accept one?

Each takes a loss, the gradient that it is claimed to have, and weights, in float64.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np

from rnnverify.records import Array

SEED = 0
"""autograd draws its direction from NumPy's global generator; JAX and torch seed one of theirs."""


@dataclass(frozen=True)
class Problem:
    """A gradient in question.

    Attributes:
        loss: Takes one array a weight, returns a number.
        gradient: Takes the same, returns one array a weight, in their shapes if it is right.
        weights: Where they are compared.
    """

    loss: Callable[[Sequence[Array]], float]
    gradient: Callable[[Sequence[Array]], Sequence[Array]]
    weights: Sequence[Array]

    @property
    def flat(self) -> Array:
        """The weights, one after the other."""
        return np.concatenate([weight.ravel() for weight in self.weights])

    def loss_of_flat(self, x: Array) -> float:
        """Return the loss at weights that stand one after the other."""
        return self.loss(self._split(x))

    def gradient_of_flat(self, x: Array) -> Array:
        """Return the gradient there, laid out like the weights."""
        return np.concatenate([each.ravel() for each in self.gradient(self._split(x))])

    def _split(self, x: Array) -> list[Array]:
        ends = np.cumsum([weight.size for weight in self.weights])
        parts = np.split(x, ends[:-1])
        return [part.reshape(w.shape) for part, w in zip(parts, self.weights, strict=True)]


Peer = Callable[[Problem], bool]
"""Whether a gradient is accepted."""


def torch_gradcheck(
    problem: Problem, *, fast_mode: bool, loss: Callable[[Sequence[Any]], Any] | None = None
) -> bool:
    """Ask ``torch.autograd.gradcheck`` about a ``torch.autograd.Function``.

    Args:
        problem: The gradient in question.
        fast_mode: Whether one projection is enough.
        loss: The loss in torch's own operations, if its forward pass is not to be NumPy's.
    """
    torch = import_module("torch")

    class Loss(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, *weights: Any) -> Any:
            ctx.save_for_backward(*weights)
            if loss is not None:
                return loss(weights)
            return torch.tensor(problem.loss(numbers(weights)), dtype=torch.float64)

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            gradient = problem.gradient(numbers(ctx.saved_tensors))
            return tuple(upstream * torch.from_numpy(each) for each in gradient)

    def numbers(tensors: Sequence[Any]) -> list[Array]:
        return [tensor.detach().numpy() for tensor in tensors]

    inputs = tuple(torch.tensor(weight, requires_grad=True) for weight in problem.weights)
    check = torch.autograd.gradcheck
    return bool(check(Loss.apply, inputs, fast_mode=fast_mode, raise_exception=False))


def jax_check_grads(problem: Problem) -> bool:
    """Ask ``jax.test_util.check_grads`` about a ``jax.custom_vjp``.

    Nothing is jitted, so that it may call NumPy as it is. Behind ``jax.pure_callback`` it would be
    the same, but for the time that compiling takes.
    """
    jax, test_util = import_module("jax"), import_module("jax.test_util")

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def loss(*weights: Any) -> Any:
        return np.float64(problem.loss(numbers(weights)))

    def backward(weights: Any, upstream: Any) -> Any:
        return tuple(upstream * each for each in problem.gradient(numbers(weights)))

    def numbers(given: Sequence[Any]) -> list[Array]:
        return [np.array(each) for each in given]

    loss.defvjp(lambda *weights: (loss(*weights), weights), backward)
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's own signature
        return passes(lambda: test_util.check_grads(loss, problem.weights, 1, modes=["rev"]))


def scipy_check_grad(problem: Problem, *, threshold: float) -> bool:
    """Ask ``scipy.optimize.check_grad``, which returns the length of the error, and no more.

    Its documentation names no threshold. In its example the error is 3e-8, and scipy's own tests
    ask for 5e-7 at most, so that 1e-6 is the next power of ten; its forward differences pass that
    in larger cases, for which 1e-5 is kinder to what is right.
    """
    check_grad = import_module("scipy.optimize").check_grad
    error = check_grad(problem.loss_of_flat, problem.gradient_of_flat, problem.flat)
    return bool(error <= threshold)


def autograd_check_grads(problem: Problem) -> bool:
    """Ask ``autograd.test_util.check_grads`` about a primitive with a rule of its own."""
    extend, test_util = import_module("autograd.extend"), import_module("autograd.test_util")
    loss = extend.primitive(problem.loss_of_flat)
    extend.defvjp(loss, lambda _loss, x: lambda upstream: upstream * problem.gradient_of_flat(x))
    check = test_util.check_grads(loss, modes=["rev"], order=1)
    state = np.random.get_state()  # noqa: NPY002 - this is what autograd draws from
    np.random.seed(SEED)  # noqa: NPY002
    try:
        return passes(lambda: check(problem.flat))
    finally:
        np.random.set_state(state)  # noqa: NPY002


def passes(check: Callable[[], object]) -> bool:
    """Whether a check that speaks by assertions does not."""
    try:
        check()
    except AssertionError:
        return False
    return True


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "torch gradcheck": partial(torch_gradcheck, fast_mode=False),
        "torch gradcheck, fast": partial(torch_gradcheck, fast_mode=True),
        "jax check_grads": jax_check_grads,
        "scipy check_grad, 1e-6": partial(scipy_check_grad, threshold=1e-6),
        "scipy check_grad, 1e-5": partial(scipy_check_grad, threshold=1e-5),
        "autograd check_grads": autograd_check_grads,
    }
)
"""By name, of which the first word is that of the package."""


def installed() -> dict[str, Peer]:
    """Return the peers whose packages are there."""
    return {name: peer for name, peer in PEERS.items() if is_installed(package_of(name))}


def is_installed(package: str) -> bool:
    """Whether a package is there."""
    return find_spec(package) is not None


def versions(there: Iterable[str]) -> dict[str, str]:
    """Return the versions of these peers' packages."""
    return {package_of(name): version(package_of(name)) for name in there}


def package_of(name: str) -> str:
    """Return which package a peer is part of."""
    return name.split(maxsplit=1)[0]
