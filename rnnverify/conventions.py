"""Conventions: inputs that a candidate ignores, since much code has no loss weights or no state.

A candidate that differs from the reference is asked again, with everything that code often lacks
held at what it would be without: loss weights and cotangents of 1, states and last cotangents of 0.
If it matches then, what it ignores is what cannot be let go again.
"""

import shlex
from collections.abc import Callable, Mapping

from rnnverify.scales import usual
from rnnverify.systems import System
from rnnverify.tallying import Tally

CASES = 24
"""Cases in which a convention is tried."""
ENOUGH = 5
"""Cases in which it must show that it fits, and that nothing fits without it."""
HARMLESS = ("match", "zero", "inconclusive")

Fixed = Mapping[str, float]
Trial = Callable[[Fixed], Tally]


def lacking(system: System) -> dict[str, float]:
    """Return what code often lacks, and the value that stands for its absence."""
    upstream = {name: float(system.inputs[name].is_scanned) for name in system.linear}
    return {**upstream, **dict.fromkeys(system.state, 0.0)}


def find_conventions(
    system: System, already: Fixed, trial: Trial, known: str | None
) -> tuple[str, ...]:
    """Say what would have to be declared for a candidate to match, if anything would do.

    Args:
        system: The system.
        already: What is held at a value anyhow.
        trial: Runs the candidate on some cases in which more is held at a value.
        known: The factor by which all gradients are off without that, if it is known.
    """
    if known is not None:
        return (_scaled(system, known),)
    held = {name: value for name, value in lacking(system).items() if name not in already}
    if not held or not _fails(trial({})):
        return ()
    tally = trial(held)
    if not _fits(tally):
        return ()
    for name in list(held):
        fewer = {other: value for other, value in held.items() if other != name}
        again = trial(fewer) if fewer else None
        if again is not None and _fits(again) and again.scaled_by == tally.scaled_by:
            held, tally = fewer, again
    hints = (_ignored(held),)
    return hints if tally.scaled_by is None else (*hints, _scaled(system, tally.scaled_by))


def _fails(tally: Tally) -> bool:
    """Whether a candidate fails often enough for its success elsewhere to mean something."""
    return tally.cases - sum(tally.counts[kind] for kind in HARMLESS) >= ENOUGH


def _fits(tally: Tally) -> bool:
    """Whether a candidate matches, or is off by no more than one factor."""
    shown = tally.counts["match"] + tally.counts["scaled"]
    return tally.verdict in ("match", "inconclusive", "scaled") and shown >= ENOUGH


def _ignored(held: Fixed) -> str:
    values = " and ".join(f"{name} is {value:g}" for name, value in held.items())
    options = " ".join(f"--set {name}={value:g}" for name, value in held.items())
    fixed = ", ".join(f'"{name}": {value:g}' for name, value in held.items())
    return (
        f"it matches where {values}; if it is meant to ignore {' and '.join(held)}, "
        f"say so: {options} (fixed={{{fixed}}})"
    )


def _scaled(system: System, formula: str) -> str:
    meaning = usual(system.dims).get(formula)
    likely = f": {meaning}" if meaning else ""
    return (
        f"every gradient is {formula} times the reference's{likely}; if it is meant to be, "
        f'say so: {shlex.quote(f"--scale={formula}")} (scale="{formula}")'
    )
