"""Programs: what JAX compiles for a system and a bucket, once, in threads, and keeps.

The gradient program gives clean and noisy samples of the loss and all gradients; the clip program
clips such samples, so that tolerances follow the clip. Gradients travel one after the other in one
array, which makes for few transfers. JAX is only ever set up inside context managers.
"""

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.deadlines import is_ours
from rnnverify.errors import RnnverifyError, UsageError
from rnnverify.padding import Bucket, example_arrays, flattened, layout
from rnnverify.records import Array, ClipKind
from rnnverify.references.clipping import CLIPS
from rnnverify.rounding.interpreter import noisy
from rnnverify.rounding.noise import FEW, SAMPLES, Noise, samples
from rnnverify.rounding.tolerance import interval, sampled, unit_roundoff
from rnnverify.systems import System
from rnnverify.unrolling import split_gradient, unrolled_gradient

_JAX = Path(jax.__file__).parent

Kinds = tuple[ClipKind, ...]
Detail = bool | tuple[Kinds, tuple[str, ...]]
Build = Callable[[System, Bucket, Any], Any]

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="rnnverify-compile")
_programs: dict[tuple[Build, System, Bucket, Detail], Future[Any]] = {}
_unknown: dict[System, set[str]] = {}
_lock = threading.Lock()


def gradient_program(system: System, bucket: Bucket, *, truncated: bool) -> Future[Any]:
    """Begin to compile the reference gradient, unless that has been done.

    Returns:
        What will be a function of noise, padded arrays and sizes. It returns samples (5, entries)
        and their interval (2, entries): those of all leaves of the system, then the loss.
    """
    return _begin(_compile_gradient, system, bucket, truncated)


def float32_program(system: System, bucket: Bucket, *, truncated: bool) -> Future[Any]:
    """Begin to compile the reference gradient in float32, to see whether it overflows.

    Returns:
        What will be a function of padded arrays and sizes, which returns all leaves' entries.
    """
    return _begin(_compile_float32, system, bucket, truncated)


def split_program(system: System, bucket: Bucket) -> Future[Any]:
    """Begin to compile the gradient that is split by steps, unless that has been done.

    Returns:
        What will be a function of padded arrays and sizes; see ``split_gradient``.
    """
    return _begin(_compile_split, system, bucket, detail=False)


def clip_program(
    system: System, bucket: Bucket, kinds: Kinds, over: tuple[str, ...]
) -> Future[Any]:
    """Begin to compile clips of those kinds over those leaves, unless that has been done.

    Returns:
        What will be a function of noise, the gradient program's samples, thresholds (kinds),
        factors (kinds) by which samples are multiplied first, and the number of steps. It returns
        intervals (kinds, 2, entries), those of all leaves that are covered.
    """
    return _begin(_compile_clips, system, bucket, (kinds, over))


def unknown_primitives(system: System) -> tuple[str, ...]:
    """Return the primitives without a rounding rule in the programs of a system so far."""
    return tuple(sorted(_unknown.get(system, ())))


def abandon() -> None:
    """Give up what is queued, so that a process which was interrupted ends soon."""
    with _lock:
        for key in [key for key, program in _programs.items() if program.cancel()]:
            del _programs[key]


def _begin(build: Build, system: System, bucket: Bucket, detail: Detail) -> Future[Any]:
    key = (build, system, bucket, detail)
    with _lock:
        if key not in _programs:
            _programs[key] = _threads.submit(build, system, bucket, detail)
        return _programs[key]


def _compile_gradient(system: System, bucket: Bucket, truncated: bool) -> Any:  # noqa: FBT001
    arrays, sizes = example(system, bucket, truncated=truncated)
    gradient = _flat_gradient(system, bucket, (*system.leaves, "loss"), truncated=truncated)

    def program(noise: Noise, arrays: Any, sizes: Any) -> tuple[jax.Array, jax.Array]:
        stacked = run(noise, arrays, sizes)
        return stacked, jnp.stack(interval(stacked, unit_roundoff(noise), sizes["T"]))

    unknown = None if system.strict else _unknown.setdefault(system, set())
    with jax_settings(), _reference_of(system):
        run = sampled(gradient, arrays, sizes, unknown=unknown)
        noise, _ = noise_for(np.dtype(np.float64))
        return jax.jit(program).lower(noise, arrays, sizes).compile()


@contextmanager
def _reference_of(system: System) -> Iterator[None]:
    """Say whose an error is, where a reference cannot be traced."""
    try:
        yield
    except RnnverifyError:
        raise
    except Exception as error:
        theirs = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if not is_ours(frame.filename) and not Path(frame.filename).is_relative_to(_JAX)
        ]
        trace = "".join(traceback.format_list(theirs))
        message = (
            f"system: the reference of {system.name!r} cannot be differentiated:\n"
            f"{trace}{type(error).__name__}: {error}"
        )
        raise UsageError(message) from error


def _compile_float32(system: System, bucket: Bucket, truncated: bool) -> Any:  # noqa: FBT001
    arrays, sizes = example(system, bucket, truncated=truncated)
    with jax_settings(x64=False):
        gradient = _flat_gradient(system, bucket, system.leaves, truncated=truncated)
        return jax.jit(gradient).lower(arrays, sizes).compile()


def _compile_split(system: System, bucket: Bucket, _detail: bool) -> Any:  # noqa: FBT001
    arrays, sizes = example(system, bucket, truncated=False)
    with jax_settings():
        return jax.jit(split_gradient(system, bucket)).lower(arrays, sizes).compile()


def _flat_gradient(
    system: System, bucket: Bucket, names: tuple[str, ...], *, truncated: bool
) -> Callable[[Any, Any], jax.Array]:
    """Return the unrolled gradient with its named results one after the other."""
    gradient = unrolled_gradient(system, bucket, truncated=truncated)

    def flat(arrays: Any, sizes: Any) -> jax.Array:
        results = gradient(arrays, sizes)
        return flattened([results[name] for name in names])

    return flat


def _compile_clips(system: System, bucket: Bucket, detail: tuple[Kinds, tuple[str, ...]]) -> Any:
    kinds, over = detail
    places = dict(zip(system.leaves, layout(system, bucket, system.leaves).places, strict=True))
    covered = [places[name] for name in over]
    lengths = [place.stop - place.start for place in covered]
    width = max(lengths)
    rows = np.zeros((len(over), width))
    stacked = np.zeros((1 + FEW, 1 + max(place.stop for place in places.values())))
    number, numbers = np.float64(1), np.ones(len(kinds))

    def clipped(noise: Noise, raw: Any, run: Any, threshold: Any, steps: Any) -> jax.Array:
        want, tolerance = interval(run(noise, raw, threshold), unit_roundoff(noise), steps)
        real = [(row, slice(length)) for row, length in enumerate(lengths)]
        return jnp.stack([flattened([rows[at] for at in real]) for rows in (want, tolerance)])

    def program(noise: Noise, stacked: Any, thresholds: Any, factors: Any, steps: Any) -> jax.Array:
        pieces = [stacked[:, place] for place in covered]
        raw = jnp.stack([_filled_up(piece, width) for piece in pieces], axis=1)
        return jnp.stack(
            [
                clipped(noise, raw * factors[i], run, thresholds[i], steps)
                for i, run in enumerate(runs)
            ]
        )

    with jax_settings():
        runs = [jax.vmap(noisy(CLIPS[kind], rows, number), in_axes=(0, 0, None)) for kind in kinds]
        noise, _ = noise_for(np.dtype(np.float64))
        return jax.jit(program).lower(noise, stacked, numbers, numbers, number).compile()


def _filled_up(piece: jax.Array, width: int) -> jax.Array:
    """Return samples of a leaf with zeros after its entries."""
    return jnp.pad(piece, ((0, 0), (0, width - piece.shape[1])))


def example(
    system: System, bucket: Bucket, *, truncated: bool
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return arrays and sizes of the shapes and dtypes that a bucket's programs take."""
    sizes = {axis: np.asarray(n, np.int32) for axis, n in bucket}
    if truncated:
        sizes["since"] = np.zeros(dict(bucket)["T"], np.int32)
    return example_arrays(system, bucket), sizes


@cache
def noise_for(dtype: np.dtype[Any], unit: float | None = None) -> tuple[Noise, ...]:
    """Return the noise of the first samples and of the others, on JAX's side, once for all.

    Args:
        dtype: The dtype under test.
        unit: The unit roundoff; the dtype's if None.
    """
    halves = range(1, 1 + FEW), range(1 + FEW, 1 + SAMPLES)
    with jax_settings():
        return tuple(jax.device_put(samples(dtype, unit, numbers)) for numbers in halves)


@cache
def _cpu() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except (RuntimeError, AssertionError):
        message = "JAX has no CPU here, on which references run; add cpu to JAX_PLATFORMS"
        raise UsageError(message) from None


_FLAGS: Mapping[str, tuple[Callable[[Any], AbstractContextManager[Any]], Any]] = {
    "jax_debug_nans": (jax.debug_nans, False),
    "jax_debug_infs": (jax.debug_infs, False),
    "jax_disable_jit": (jax.disable_jit, False),
    "jax_numpy_dtype_promotion": (jax.numpy_dtype_promotion, "standard"),
    "jax_numpy_rank_promotion": (jax.numpy_rank_promotion, "allow"),
}
"""What references need, and hardly anybody changes: set only where somebody has."""


@contextmanager
def jax_settings(*, x64: bool = True) -> Iterator[None]:
    """Set JAX up for a reference, whatever the process around has configured, and only here."""
    with ExitStack() as stack:
        stack.enter_context(jax.enable_x64(x64))
        stack.enter_context(jax.default_device(_cpu()))
        stack.enter_context(jax.transfer_guard("allow"))
        for name, (context, wanted) in _FLAGS.items():
            if getattr(jax.config, name) != wanted:
                stack.enter_context(context(wanted))
        yield
