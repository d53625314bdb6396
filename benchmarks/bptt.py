"""Backpropagation through time by hand, beside JAX's, torch's, and what the processor can do.

Every contender is given the same arrays, and returns the gradients of all weights, initial states
and real inputs. JAX's is the reference's, jitted, at exactly these sizes. torch's is the recurrence
in torch's own operations, eager and with its step compiled (a whole sequence, unrolled, takes a
minute to compile for each size); and, where torch has such a layer, that.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from benchmarks.problems import drawn
from benchmarks.torch_models import LAYERS, RECURRENCES
from rnnverify.builtin import find_system
from rnnverify.programs import jax_settings
from rnnverify.records import DTYPES, Array, Case
from rnnverify.unrolling import unrolled_gradient

SIZES: Mapping[str, Sequence[Mapping[str, int]]] = {
    "char_rnn": ({"T": 25, "V": 65, "H": 100}, {"T": 100, "V": 64, "H": 256}),
    "lstm": (
        {"T": 50, "B": 32, "D": 128, "H": 256},
        {"T": 100, "B": 64, "D": 256, "H": 512},
    ),
    "gru": (
        {"T": 50, "B": 32, "D": 128, "H": 256},
        {"T": 100, "B": 64, "D": 256, "H": 512},
    ),
    "rtrbm": ({"T": 25, "V": 64, "H": 8}, {"T": 100, "V": 256, "H": 8}),
}
LARGE = 2048
"""Rows and columns of the matrices whose product tells what the processor can do."""
SEED = 0
Call = Callable[[], object]


@dataclass(frozen=True)
class Problem:
    """A gradient to be computed.

    Attributes:
        system: The system's name.
        dims: The size of each axis.
        dtype: The dtype in which all compute.
    """

    system: str
    dims: Mapping[str, int]
    dtype: str

    @property
    def flops(self) -> int:
        """Floating point operations in the products that it cannot do without."""
        return 2 * sum(math.prod(product) for product in products(self.system, self.dims))

    @property
    def case(self) -> Case:
        """The arrays: see ``problems.drawn``."""
        system, random = find_system(self.system), np.random.default_rng(SEED)
        arrays = {name: drawn(system, name, dict(self.dims), random) for name in system.arrays}
        return system.case(arrays, dtype=self.dtype)


def problems() -> list[Problem]:
    """Return every system at its sizes, in both dtypes."""
    return [
        Problem(system, dims, dtype)
        for system, sizes in SIZES.items()
        for dims in sizes
        for dtype in DTYPES
    ]


def products(system: str, dims: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """Give the three sizes of each matrix product in a forward and a backward pass.

    A layer's weights take part three times: forwards, back to its input, and for their gradient.
    The column that a token picks is no product, nor is what goes back to a token.
    """
    T, H = dims["T"], dims["H"]
    if system == "char_rnn":
        yield from [(T, H, H)] * 3 + [(T, dims["V"], H)] * 3
    elif system == "rtrbm":
        yield from [(T, H, H)] * 3 + [(T, H, dims["V"])] * 2
        states = 2**H
        yield from [(states, H, dims["V"])] * 2 + [(T, states, H)] * 2 + [(T, states, dims["V"])]
    else:
        rows, gates = T * dims["B"], {"lstm": 4, "gru": 3}[system] * H
        yield from [(rows, dims["D"], gates)] * 3 + [(rows, H, gates)] * 3


def known(system: str) -> list[str]:
    """Return who solves a system's problems, of those that are installed."""
    by_torch = ["torch", "torch compile", *(["torch layer"] if system in LAYERS else [])]
    return ["rnnverify", "jax", *(by_torch if find_spec("torch") is not None else []), "limit"]


def limit_flops(_problem: Problem) -> int:
    """Return the floating point operations of the one large product."""
    return 2 * LARGE**3


def contenders(problem: Problem) -> dict[str, Call]:
    """Return who computes the gradient, by name, and the large product as ``limit``."""
    case = problem.case
    calls: dict[str, Call] = {"rnnverify": lambda: find_system(problem.system).gradients(case)}
    calls["jax"] = by_jax(case)
    if find_spec("torch") is not None:
        calls |= by_torch(case)
    large: Array = np.random.default_rng(SEED).random((LARGE, LARGE)).astype(problem.dtype)
    calls["limit"] = lambda: large @ large
    return calls


def by_jax(case: Case) -> Call:
    """Return JAX's gradient, compiled for these sizes; its arrays are on JAX's side."""
    jax, jnp = import_module("jax"), import_module("jax.numpy")
    x64 = case.dtype == np.float64
    with jax_settings(x64=x64):
        arrays = {name: jnp.asarray(array) for name, array in case.items()}
        sizes = {axis: jnp.asarray(n, jnp.int32) for axis, n in case.dims.items()}
        bucket = tuple(case.dims.items())
        gradient = jax.jit(unrolled_gradient(find_system(case.system), bucket))
        compiled = gradient.lower(arrays, sizes).compile()

    def call() -> object:
        with jax_settings(x64=x64):
            return jax.block_until_ready(compiled(arrays, sizes))

    return call


def by_torch(case: Case) -> dict[str, Call]:
    """Return torch's gradients: eager, compiled where that can be done, and of its own layer."""
    torch = import_module("torch")
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in case.items()}
    calls: dict[str, Call] = {}
    if case.system in LAYERS:
        loss_of_layer, parameters = LAYERS[case.system](tensors)
        calls["torch layer"] = lambda: torch.autograd.grad(loss_of_layer(), parameters)
    leaves = [tensors[name].requires_grad_() for name in find_system(case.system).leaves]
    loss, step = RECURRENCES[case.system]
    compiled = torch.compile(step, dynamic=False)
    calls["torch"] = lambda: torch.autograd.grad(loss(tensors), leaves)
    calls["torch compile"] = lambda: torch.autograd.grad(loss(tensors, compiled), leaves)
    return calls
