"""Pictures: something drawn, and what is said of it in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Picture:
    """A picture, and what is said below it."""

    svg: Markup
    caption: str
    name: str = ""
    beyond: bool = False


def listed(numbers: Sequence[int]) -> str:
    """Return numbers in words, runs of three and more as from-to."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(_told(run) for run in runs)


def _told(run: Sequence[int]) -> str:
    first, *others = run
    return f"{first} to {others[-1]}" if others[1:] else ", ".join(map(str, run))
