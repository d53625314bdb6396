"""Runs: everything that settles which cases a candidate sees, under which clips, on what terms."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from rnnverify.builtin import find_system
from rnnverify.errors import UsageError
from rnnverify.evaluation import prepare
from rnnverify.questions import covered_by
from rnnverify.records import Candidate, Case, Clip, Truncation
from rnnverify.restrictions import Restrictions, Size
from rnnverify.scales import Scale
from rnnverify.shapes import largest_in_each
from rnnverify.sources import Generated, Source
from rnnverify.strategies import cases as case_strategy
from rnnverify.systems import System
from rnnverify.terms import TIMEOUT, Terms, known_only, make_terms, names

BATCH = 2000
"""Cases in one run of Hypothesis, which keeps what it has seen."""


class Batch(NamedTuple):
    """One run of Hypothesis, and how many cases there are in those before."""

    seed: int
    cases: int
    start: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a candidate.

    Attributes:
        candidate: The gradient code under test.
        name: What reports call it.
        system: The system.
        clips: Each case is visited once under each; all cover the same arrays.
        dtype: The dtype of the cases.
        cases: How many cases to run.
        seed: The same seed gives the same cases.
        case: The number of the only one that is checked; None for all.
        source: Where their sequences come from.
        lengths: Whether the sequences of a batch have lengths of their own.
        truncation: How far back losses are propagated.
        dims: Sizes of axes, where they are not the system's own.
        fixed: Arrays held at a value.
        terms: What the candidate is held to.
        save: The folder that the case of a failure is saved in.
        detailed: Whether reports hold what pictures show.
        replay: Gives the command that shows a failure of a run under a clip again, from a file if
            there is one, else from its number.

    Raises:
        UsageError: if there are too few cases, the seed is negative, the dtype is unknown, or what
            is asked for does not go together.
    """

    candidate: Candidate
    name: str
    system: System
    clips: tuple[Clip, ...]
    dtype: str
    cases: int
    seed: int
    case: int | None = None
    source: Source = field(default_factory=Generated)
    lengths: bool = False
    truncation: Truncation | None = None
    dims: Mapping[str, Size] | None = None
    fixed: Mapping[str, Any] | None = None
    terms: Terms = field(default_factory=Terms)
    save: Path | None = None
    detailed: bool = False
    replay: Callable[["Run", Clip, Path | None, int | None], str] | None = None

    def __post_init__(self) -> None:
        if self.cases < 1:
            message = f"cases: {self.cases} is too few; at least 1 is needed"
            raise UsageError(message)
        if self.seed < 0:
            message = f"seed: {self.seed} is negative; it must be 0 or more"
            raise UsageError(message)
        if self.case is not None and not 1 <= self.case <= self.cases:
            message = f"case: {self.case} is none of the {self.cases} cases; they count from 1"
            raise UsageError(message)
        self.terms.for_system(self.system.leaves, list(self.system.dims))
        for end in (0, 1):
            self.terms.scale.of({axis: bounds[end] for axis, bounds in self._sizes.items()})
        known_only("clip_over", self.clips[0].over, self.terms.gradients or self.system.leaves)
        _ = self.strategy
        longest = self._sizes["T"][1]
        if self.truncation and not self.truncation.since(longest).any():
            message = (
                f"truncate: {self.truncation} cuts nothing in sequences of {longest} steps, the "
                "longest that are generated; ask for fewer"
            )
            raise UsageError(message)

    @cached_property
    def strategy(self) -> st.SearchStrategy[Case]:
        """What the cases are drawn from."""
        return self.strategy_with({})

    def strategy_with(self, fixed: Mapping[str, Any]) -> st.SearchStrategy[Case]:
        """Return what cases are drawn from, if more arrays are held at a value."""
        return case_strategy(
            self.system,
            dtype=self.dtype,
            source=self.source,
            lengths=self.lengths,
            truncate=self.truncation,
            dims=self.dims,
            fixed={**(self.fixed or {}), **fixed},
        )

    @property
    def batches(self) -> list[Batch]:
        """The runs of Hypothesis that it takes."""
        starts = range(0, self.cases, BATCH)
        return [
            Batch((self.seed << 32) + i, min(BATCH, self.cases - start), start)
            for i, start in enumerate(starts)
        ]

    @property
    def checks(self) -> int:
        """How many cases are checked."""
        return self.cases if self.case is None else 1

    def prepare(self) -> None:
        """Begin to compile in the background."""
        system = self.system.with_lengths if self.lengths else self.system
        prepare(
            system,
            largest_in_each(system, self._sizes),
            self.clips,
            covered_by(self.clips[0], system, self.terms),
            truncated=self.truncation is not None,
        )

    @property
    def options(self) -> dict[str, Any]:
        """What is asked for besides, as the arguments of ``verify`` that are not left out."""
        scale, over = self.terms.scale.text, self.clips[0].over
        given = {
            "gradients": self.terms.gradients and list(self.terms.gradients),
            "scale": None if scale == "1" else scale,
            "dims": dict(self.dims or {}),
            "fixed": dict(self.fixed or {}),
            "clip_over": over and list(over),
            "digits": self.terms.digits,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def checked(self) -> dict[str, Any]:
        """Those of the options that are arguments of ``check``."""
        return {n: v for n, v in self.options.items() if n in ("gradients", "scale", "digits")}

    def replay_of(self, clip: Clip, saved: Path | None, number: int | None) -> str:
        """Return the command that shows a failure under a clip again.

        Args:
            clip: The clip.
            saved: The file that the case is saved in, if it is.
            number: The number of the first case that failed, where there is one.
        """
        if self.replay is not None:
            return self.replay(self, clip, saved, number)
        if saved is not None:
            words = "".join(f", {name}={value!r}" for name, value in self.checked.items())
            return f"rnnverify.check(rnnverify.load_case({str(saved)!r}), {self.name}{words})"
        given = {
            "clip": str(clip),
            "dtype": self.dtype,
            "cases": self.cases,
            "seed": self.seed,
            **({} if number is None else {"case": number}),
            **({"lengths": True} if self.lengths else {}),
            **({"truncate": str(self.truncation)} if self.truncation else {}),
            **self.options,
        }
        words = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"rnnverify.verify({self.name}, {self.system.name!r}, {words})"

    def file_of(self, clip: Clip) -> str:
        """Return what the file of a failure under a clip is called."""
        words = [self.system.name, self.name, str(clip), self.dtype, self.source.kind]
        return "-".join(re.sub(r"[^\w.]+", "_", word).strip("_.") for word in words) + ".npz"

    @cached_property
    def restrictions(self) -> Restrictions:
        """What its cases keep to."""
        return Restrictions.of(self.system, self.dims, self.fixed)

    @property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        return {**self.source.sizes(self.system), **self.restrictions.dims}


def make_run(
    candidate: Candidate,
    system: str | System,
    *,
    clips: Sequence[str | Clip],
    dtype: str,
    cases: int,
    seed: int,
    lengths: bool = False,
    truncate: str | int | Truncation | None = None,
    gradients: Sequence[str] | None = None,
    scale: str | float | Scale = 1,
    dims: Mapping[str, Size] | None = None,
    fixed: Mapping[str, Any] | None = None,
    clip_over: Sequence[str] | None = None,
    digits: float | None = None,
    timeout: float | None = TIMEOUT,
    **others: Any,
) -> Run:
    """Return a run that is described as people write it; see ``verify``.

    Args:
        candidate: The gradient code under test.
        system: A system, or a built-in one's name.
        clips: Each case is visited once under each.
        dtype: See ``verify``, as for all that are not named here.
        cases: How many cases to run.
        seed: The same seed gives the same cases.
        lengths: See ``verify``.
        truncate: See ``verify``.
        gradients: See ``verify``.
        scale: See ``verify``.
        dims: See ``verify``.
        fixed: See ``verify``.
        clip_over: See ``verify``.
        digits: See ``verify``.
        timeout: See ``verify``.
        others: Attributes of the run as they are.

    Raises:
        UsageError: if an argument is not what it should be.
    """
    over = names("clip_over", clip_over)
    return Run(
        candidate=candidate,
        system=find_system(system),
        clips=tuple(dict.fromkeys(Clip.parse(clip).covering(over) for clip in clips)),
        dtype=dtype,
        cases=cases,
        seed=seed,
        lengths=lengths,
        truncation=Truncation.parse(truncate),
        dims=dims,
        fixed=fixed,
        terms=make_terms(gradients=gradients, scale=scale, digits=digits, timeout=timeout),
        **others,
    )
