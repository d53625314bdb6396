"""Evaluating the reference: what every gradient should be, and how far off correct code may be."""

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

import jax
import numpy as np

from rnnverify.errors import RoundingRuleWarning, UsageError
from rnnverify.padding import Bucket, blocks, bucket_of, from_flat, pad
from rnnverify.programs import (
    clip_program,
    float32_program,
    gradient_program,
    jax_settings,
    noise_for,
    split_program,
    unknown_primitives,
)
from rnnverify.records import Array, Case, Clip, Interval
from rnnverify.rounding.noise import Noise
from rnnverify.systems import System

Intervals = Mapping[str, Interval]


@dataclass(frozen=True)
class Evaluation:
    """The reference's gradients of one case, whichever clip is asked for.

    JAX works on it in threads of its own; what it finds is waited for where it is read.

    Attributes:
        system: The case's system.
        case: The case.
        bucket: The shapes in which it is evaluated.
        stacked: Samples of all gradients and of the loss, (5, entries), on JAX's side, once for
            each half of the samples.
        intervals: What those say, (2, entries): values and tolerances.
        coarse: The unit roundoff for which tolerances are made, where it is not the dtype's.
    """

    system: System
    case: Case
    bucket: Bucket
    stacked: tuple[jax.Array, ...]
    intervals: tuple[jax.Array, ...]
    coarse: float | None = None

    @cached_property
    def raw(self) -> Intervals:
        """What each gradient and the loss should be without a clip."""
        flat = _widest(self.intervals)
        system = self.system
        leaves = from_flat(system, self.case.dims, self.bucket, flat[:, :-1], system.leaves)
        return {**leaves, "loss": Interval.of(*flat[:, -1])}

    @property
    def unit(self) -> float:
        """The unit roundoff for which tolerances are made."""
        return self.coarse or float(np.finfo(self.case.dtype).eps) / 2

    def under(
        self, clips: Sequence[Clip], factors: Sequence[float], over: tuple[str, ...]
    ) -> list[Callable[[], Intervals]]:
        """Begin to clip, and return for each clip a function that waits for what should come of it.

        Args:
            clips: With numbers for thresholds, and each of a kind that clips.
            factors: What gradients are multiplied by under each, before they are clipped.
            over: The leaves whose gradients are clipped.
        """
        kinds = tuple(clip.kind for clip in clips)
        program = clip_program(self.system, self.bucket, kinds, over).result()
        thresholds = np.array([clip.threshold for clip in clips], np.float64)
        factor, steps = np.array(factors, np.float64), np.float64(self.case.dims["T"])
        with jax_settings():
            intervals = [
                program(noise, samples, thresholds, factor, steps)
                for noise, samples in zip(self.noise, self.stacked, strict=False)
            ]

        @cache
        def found() -> Array:
            return _widest(intervals)

        def clipped(place: int) -> Intervals:
            flat = found()[place]
            covered = from_flat(self.system, self.case.dims, self.bucket, flat, over)
            return {**self.scaled(factors[place]), **covered}

        return [partial(clipped, place) for place in range(len(clips))]

    @property
    def noise(self) -> Sequence[Noise]:
        """That of the first half of the samples, and of the second."""
        return noise_for(self.case.dtype, self.coarse)

    @property
    def is_whole(self) -> bool:
        """Whether all samples have been evaluated."""
        return len(self.stacked) == len(self.noise)

    @cached_property
    def whole(self) -> "Evaluation":
        """This evaluation, from all samples."""
        if self.is_whole:
            return self
        rest = _evaluated(self.system, self.case, self.bucket, self.noise[len(self.stacked) :])
        return replace(
            self,
            stacked=(*self.stacked, *rest.stacked),
            intervals=(*self.intervals, *rest.intervals),
        )

    def scaled(self, factor: float) -> dict[str, Interval]:
        """Return what each gradient should be without a clip, if it is multiplied."""
        if factor == 1:
            return dict(self.raw)
        return {name: each.scaled(factor) for name, each in self.raw.items()}

    @cached_property
    def split(self) -> Mapping[str, Array]:
        """The gradient, split by the step whose loss it is of, and by the step where it arises.

        Of a weight (T T+1 ...): what step t's loss owes to its use at each step, at last to its use
        where the carry is made. Of states and real inputs (T ...). Without truncation.
        """
        case, bucket, steps = self.case, self.bucket, self.case.dims["T"]
        program = split_program(self.system, bucket).result()
        with jax_settings():
            found = program(pad(self.system, case, bucket), _sizes(case, bucket))
        real_blocks = blocks(self.system, tuple(case.dims.items()), bucket)
        split = {}
        for name, each in found.items():
            block = real_blocks[name]
            of_steps = np.asarray(each)[:steps]
            if name in self.system.weights:
                of_steps = of_steps[:, [*range(steps), -1]]
            leading = of_steps.shape[: 2 if name in self.system.weights else 1]
            flat = of_steps.reshape(-1, *of_steps.shape[len(leading) :])
            real = np.stack([each[block] for each in flat])
            split[name] = real.reshape(*leading, *real.shape[1:])
        return split

    @cached_property
    def overflows(self) -> bool:
        """Whether an intermediate of the reference overflows float32, where that is under test."""
        if self.case.dtype == np.float64:
            return False
        case, bucket = self.case, self.bucket
        truncated = case.truncation is not None
        program = float32_program(self.system, bucket, truncated=truncated).result()
        with jax_settings(x64=False):
            flat = program(pad(self.system, case, bucket), _sizes(case, bucket))
        return not np.all(np.isfinite(flat))


def evaluate(
    system: System, case: Case, unit: float | None = None, *, few: bool = False
) -> Evaluation:
    """Begin to evaluate the reference on a case, without a clip.

    Args:
        system: The case's system.
        case: The case.
        unit: The unit roundoff for which tolerances are made, where it is not the dtype's.
        few: Whether half of the samples will do, where they often do.

    Raises:
        MissingRuleError: if the reference uses a primitive without a rounding rule.
        UsageError: if the case both has lengths and is to be truncated, or the reference of a
            system of somebody's own cannot be differentiated, or not be padded.
    """
    if case.truncation is not None and system.step is None:
        message = f"truncate: {system.name!r} has a loss, but no step that could be cut between"
        raise UsageError(message)
    if case.truncation is not None and "lengths" in case:
        message = "truncate: not for sequences with lengths of their own; verify one or the other"
        raise UsageError(message)
    noise = noise_for(case.dtype, unit)
    if few and _few_may_do(system, case):
        noise = noise[:1]
    evaluation = replace(_evaluated(system, case, bucket_of(system, case.dims), noise), coarse=unit)
    if not system.strict:
        _warn_of(system, unknown_primitives(system))
        _check_padding(evaluation)
    return evaluation


def _few_may_do(system: System, case: Case) -> bool:
    """Whether half of the samples often settle a case.

    They cannot where a derivative jumps, on whichever side a sum comes to lie, nor where primitives
    without a rule are met. In float32 some tolerance is often near a threshold, and both halves at
    once take less time than one after the other.
    """
    return system.strict and not system.has_kinks and case.dtype == np.float64


def _evaluated(system: System, case: Case, bucket: Bucket, noise: Sequence[Noise]) -> Evaluation:
    program = gradient_program(system, bucket, truncated=case.truncation is not None).result()
    arrays, sizes = pad(system, case, bucket), _sizes(case, bucket)
    with jax_settings():
        found = [program(each, arrays, sizes) for each in noise]
    stacked, intervals = zip(*found, strict=True)
    return Evaluation(system, case, bucket, stacked, intervals)


def _widest(intervals: Sequence[jax.Array]) -> Array:
    """Return what is wanted, and the larger tolerance (… 2 entries), from each half's intervals."""
    return functools.reduce(np.maximum, (np.asarray(each) for each in intervals))


_padded_well: set[System] = set()


def _check_padding(padded: Evaluation) -> None:
    """Compare a case of somebody's own system with the same case unpadded, once a system.

    Raises:
        UsageError: if padding changes a gradient.
    """
    system, exactly = padded.system, tuple(padded.case.dims.items())
    if system in _padded_well or padded.bucket == exactly:
        return
    plain = _evaluated(system, padded.case, exactly, padded.noise)
    for name, one in plain.raw.items():
        other = padded.raw[name]
        if not np.all(np.isfinite(one.want)):
            return
        if not np.all(np.abs(one.want - other.want) <= one.tolerance + other.tolerance):
            what = "the loss" if name == "loss" else f"the gradient of {name}"
            message = (
                f"system: padding changes {what} of {system.name!r}. Say what arrays are to be "
                "padded with, such as fills={'x': 1}, if zeros are what it cannot bear; or which "
                "axes must not be padded, such as unpadded={'T'}"
            )
            raise UsageError(message)
    _padded_well.add(system)


@cache
def _warn_of(system: System, primitives: tuple[str, ...]) -> None:
    if primitives:
        message = (
            f"no rounding rule for {', '.join(primitives)}, which the reference of "
            f"{system.name!r} uses: its operands and its result get noise instead, and tolerances "
            "are as good as that"
        )
        warnings.warn(message, RoundingRuleWarning, stacklevel=2)


def prepare(
    system: System,
    sizes: Iterable[Mapping[str, int]],
    clips: Sequence[Clip],
    over: tuple[str, ...],
    *,
    truncated: bool = False,
) -> None:
    """Begin to compile, in the background, what cases of these dims will need."""
    kinds = tuple(clip.kind for clip in clips if clip.kind != "none")
    for bucket in dict.fromkeys(bucket_of(system, dims) for dims in sizes):
        gradient_program(system, bucket, truncated=truncated)
        if kinds:
            clip_program(system, bucket, kinds, over)


def _sizes(case: Case, bucket: Bucket) -> dict[str, Array]:
    """Return the sizes that are no padding, and from where on losses are propagated."""
    sizes = {axis: np.asarray(n, np.int32) for axis, n in case.dims.items()}
    if case.truncation is not None:
        sizes["since"] = case.truncation.since(dict(bucket)["T"]).astype(np.int32)
    return sizes
