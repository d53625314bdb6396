"""Evaluating the reference: what every gradient should be, and how far off correct code may be.

Programs are compiled once for each system and bucket, in threads, and kept. Two of them run for a
case: one gives the gradients' samples, clean and noisy; the other clips those, so that tolerances
follow the clip. JAX is only ever set up inside context managers.
"""

import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnverify.padding import Bucket, bucket_of, cut, pad
from rnnverify.records import Array, Case, Clip, ClipKind, Interval
from rnnverify.references.clipping import CLIPS
from rnnverify.rounding.interpreter import noisy
from rnnverify.rounding.noise import SAMPLES, Noise, samples
from rnnverify.rounding.tolerance import interval, sampled, unit_roundoff
from rnnverify.systems import System
from rnnverify.unrolling import unrolled_gradient

Intervals = Mapping[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """The reference's gradients of one case, whichever clip is asked for.

    Attributes:
        system: The case's system.
        case: The case.
        bucket: The shapes in which it was evaluated.
        stacked: Padded samples of the loss and of each gradient, on JAX's side.
        raw: What the loss and each gradient should be without a clip.
    """

    system: System
    case: Case
    bucket: Bucket
    stacked: Mapping[str, jax.Array]
    raw: Intervals

    def under(self, clips: Sequence[Clip], scales: Sequence[float]) -> list[Intervals]:
        """Return what each gradient should be under each of several clips.

        Args:
            clips: With numbers for thresholds.
            scales: What the loss weights are multiplied by under each; a power of two, so that
                gradients, which are linear in them, scale exactly.
        """
        kinds = tuple(clip.kind for clip in clips)
        if set(kinds) == {"none"}:
            return [self.scaled(scale) for scale in scales]
        program = _program(self.system, self.bucket, kinds)
        thresholds = np.array([clip.threshold or 0.0 for clip in clips])
        with _jax():
            clipped = program.result()(
                _noise(self.case.dtype),
                {name: self.stacked[name] for name in self.system.weights},
                thresholds,
                np.array(scales, np.float64),
                np.float64(self.case.dims["T"]),
            )
        return [
            {**self.scaled(scale), **_cut(self.system, self.case, each)}
            for each, scale in zip(clipped, scales, strict=True)
        ]

    def scaled(self, scale: float) -> Intervals:
        """Return what each gradient should be without a clip, if the loss weights are scaled."""
        if scale == 1:
            return self.raw
        return {n: Interval(i.want * scale, i.tolerance * scale) for n, i in self.raw.items()}

    @cached_property
    def overflows(self) -> bool:
        """Whether the reference itself overflows in the precision of the code under test."""
        largest = float(np.finfo(self.case.dtype).max)
        if not all(np.all(np.abs(self.raw[n].want) <= largest) for n in self.system.leaves):
            return True
        if self.case.dtype == np.float64:
            return False
        arrays = pad(self.system, self.case, self.bucket)
        gradient = jax.jit(unrolled_gradient(self.system, self.bucket))
        with _jax(x64=False):
            results = gradient(arrays, _sizes(self.case.dims))
        return not all(np.all(np.isfinite(results[n])) for n in self.system.leaves)


def evaluate(system: System, case: Case) -> Evaluation:
    """Evaluate the reference on a case, without a clip.

    Raises:
        MissingRuleError: if the reference uses a primitive without a rounding rule.
    """
    bucket = bucket_of(system, case.dims)
    program = _program(system, bucket, None)
    with _jax():
        stacked, raw = program.result()(
            _noise(case.dtype), pad(system, case, bucket), _sizes(case.dims)
        )
    return Evaluation(system, case, bucket, stacked, _cut(system, case, raw))


def prepare(system: System, sizes: Iterable[Mapping[str, int]], clips: Sequence[Clip]) -> None:
    """Begin to compile, in the background, what cases of these dims will need."""
    kinds = tuple(clip.kind for clip in clips)
    for bucket in dict.fromkeys(bucket_of(system, dims) for dims in sizes):
        _program(system, bucket, None)
        if any(kind != "none" for kind in kinds):
            _program(system, bucket, kinds)


def _cut(system: System, case: Case, padded: Mapping[str, Interval]) -> dict[str, Interval]:
    arrays = system.arrays
    return {
        name: Interval(*(cut(arrays[name], case.dims, each) for each in values))
        if name in arrays
        else Interval(*map(np.asarray, values))
        for name, values in padded.items()
    }


def _sizes(dims: Mapping[str, int]) -> dict[str, Array]:
    return {axis: np.asarray(n, np.int32) for axis, n in dims.items()}


@cache
def _noise(dtype: np.dtype[Any]) -> Noise:
    return samples(dtype)


_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="rnnverify-compile")
_programs: dict[tuple[System, Bucket, tuple[ClipKind, ...] | None], Future[Any]] = {}
_lock = threading.Lock()


def _program(system: System, bucket: Bucket, kinds: tuple[ClipKind, ...] | None) -> Future[Any]:
    key = (system, bucket, kinds)
    with _lock:
        if key not in _programs:
            build = _gradient_program if kinds is None else _clip_program
            _programs[key] = _threads.submit(build, *key)
        return _programs[key]


def _gradient_program(system: System, bucket: Bucket, _kinds: None) -> Any:
    arrays, sizes = _examples(system, bucket)

    def program(noise: Noise, arrays: Any, dims: Any) -> tuple[Any, Intervals]:
        stacked = run(noise, arrays, dims)
        unit = unit_roundoff(noise)
        return stacked, {n: interval(s, unit, dims["T"]) for n, s in stacked.items()}

    with _jax():
        run = sampled(unrolled_gradient(system, bucket), arrays, sizes)
        return jax.jit(program).lower(_noise(np.dtype(np.float64)), arrays, sizes).compile()


def _clip_program(system: System, bucket: Bucket, kinds: tuple[ClipKind, ...]) -> Any:
    arrays, _ = _examples(system, bucket)
    shapes = {name: arrays[name].shape for name in system.weights}
    width = max(math.prod(shape) for shape in shapes.values())

    def program(
        noise: Noise, stacked: Any, thresholds: Any, scales: Any, steps: Any
    ) -> list[Intervals]:
        rows = _rows([stacked[name] for name in shapes], width)
        results = []
        for i, run in enumerate(runs):
            clipped = run(noise, rows * scales[i], thresholds[i])
            want, tolerance = interval(clipped, unit_roundoff(noise), steps)
            results.append(
                {
                    name: Interval(*(each[: math.prod(shape)].reshape(shape) for each in pair))
                    for (name, shape), *pair in zip(shapes.items(), want, tolerance, strict=True)
                }
            )
        return results

    with _jax():
        example = np.zeros((len(shapes), width)), np.float64(1)
        runs = [jax.vmap(noisy(CLIPS[kind], *example), in_axes=(0, 0, None)) for kind in kinds]
        noise = _noise(np.dtype(np.float64))
        stacked = {name: np.zeros((1 + SAMPLES, *shape)) for name, shape in shapes.items()}
        numbers = np.ones(len(kinds))
        return jax.jit(program).lower(noise, stacked, numbers, numbers, np.float64(1)).compile()


def _rows(stacked: Sequence[jax.Array], width: int) -> jax.Array:
    """Return samples of every gradient as rows (samples, gradients, width), filled with zeros."""
    flat = [each.reshape(1 + SAMPLES, -1) for each in stacked]
    return jnp.stack([jnp.pad(f, ((0, 0), (0, width - f.shape[1]))) for f in flat], axis=1)


def _examples(system: System, bucket: Bucket) -> tuple[dict[str, Array], dict[str, Array]]:
    sizes = dict(bucket)
    arrays = {
        name: np.zeros(axes.shape(sizes), np.int32 if axes.values == "tokens" else np.float64)
        for name, axes in system.arrays.items()
    }
    return arrays, _sizes(sizes)


@contextmanager
def _jax(*, x64: bool = True) -> Iterator[None]:
    """Set JAX up for a reference, whatever the process around has configured, and only here."""
    with ExitStack() as stack:
        for context in (
            jax.enable_x64(x64),
            jax.default_device(jax.local_devices(backend="cpu")[0]),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.disable_jit(False),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
            jax.transfer_guard("allow"),
        ):
            stack.enter_context(context)
        yield
