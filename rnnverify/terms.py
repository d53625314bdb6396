"""Terms: what a candidate is held to, where that is not the whole contract."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rnnverify.errors import UsageError
from rnnverify.scales import Scale

TIMEOUT = 60.0
"""Seconds that one call of a candidate may take, unless something else is said."""
MOST_DIGITS = 17


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a candidate is held to.

    Attributes:
        gradients: The arrays whose gradients it returns; None for those of all weights, and of what
            else it likes.
        scale: The constant factor that its gradients are wanted to have.
        digits: How many decimal digits are enough, of each array's largest entry; None for as
            many as rounding leaves.
        timeout: How many seconds one call may take; None for no limit, and for calls in the
            caller's own thread.

    Raises:
        UsageError: if the digits or the seconds make no sense.
    """

    gradients: tuple[str, ...] | None = None
    scale: Scale = field(default_factory=Scale)
    digits: float | None = None
    timeout: float | None = TIMEOUT

    def __post_init__(self) -> None:
        if self.digits is not None and not 0 < self.digits <= MOST_DIGITS:
            message = f"digits: {self.digits} makes no sense; say how many must agree, such as 5"
            raise UsageError(message)
        if self.timeout is not None and not self.timeout > 0:
            message = f"timeout: {self.timeout} is no time; say how many seconds a call may take"
            raise UsageError(message)

    def for_system(self, leaves: Sequence[str], axes: Sequence[str]) -> "Terms":
        """Return these terms, if they fit a system.

        Args:
            leaves: The arrays that have a gradient there.
            axes: The names of its axes.

        Raises:
            UsageError: if a gradient, or an axis in the scale, is unknown.
        """
        known_only("gradients", self.gradients, leaves)
        self.scale.of(dict.fromkeys(axes, 2))
        return self


CONTRACT = Terms()
"""The whole contract: every weight's gradient, unscaled, to as many digits as rounding leaves."""


def make_terms(
    *,
    gradients: Sequence[str] | None = None,
    scale: str | float | Scale = 1,
    digits: float | None = None,
    timeout: float | None = TIMEOUT,
) -> Terms:
    """Return terms from arguments as people write them; see Terms.

    Raises:
        UsageError: if one is not what it should be.
    """
    return Terms(
        gradients=names("gradients", gradients),
        scale=Scale.parse(scale),
        digits=digits,
        timeout=timeout,
    )


def names(argument: str, given: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return array names as a tuple; a string is taken as names with spaces or commas between.

    Raises:
        UsageError: if there is none among them.
    """
    if given is None:
        return None
    texts = [given] if isinstance(given, str) else given
    found = tuple(name for text in texts for name in str(text).replace(",", " ").split())
    if not found:
        message = f"{argument}: none is named; name at least one, or leave it out for all"
        raise UsageError(message)
    return found


def known_only(argument: str, given: Sequence[str] | None, known: Sequence[str]) -> None:
    """Refuse names that are not known.

    Raises:
        UsageError: naming them, and those that are known.
    """
    unknown: list[Any] = [name for name in given or () if name not in known]
    if unknown:
        message = (
            f"{argument}: {', '.join(map(str, unknown))} is no array that has a gradient; "
            f"known are {', '.join(known)}"
        )
        raise UsageError(message)
