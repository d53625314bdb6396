"""Colours: of errors, of what is wrong and right, and of text that follows light and dark mode.

All are told apart by people who see no difference between red and green; no colour stands alone.
"""

from collections.abc import Sequence

import numpy as np

from rnnverify.records import Array

INK = "#0a0b01"
MUTED = "#0a0b02"
LINE = "#0a0b03"
PAPER = "#0a0b04"
WRONG = "#0a0b05"
RIGHT = "#0a0b06"
BAR = "#0a0b07"
THEME = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
    WRONG: "var(--wrong)",
    RIGHT: "var(--right)",
    BAR: "var(--bar)",
}
"""Stand-ins that are drawn with, and what the page's own style makes of them in either mode."""

SERIES = ("#2487c7", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#808080")
"""Those of several gradients in one picture: Okabe and Ito 2008, the blue lighter for the dark."""

KEPT = ((-4.0, "#dfeaf5"), (-2.0, "#9ecae1"), (-1.0, "#4a98c9"), (0.0, "#0b4a8f"))
"""Colours up to the tolerance, by the error's decimal logarithm."""
BEYOND = ((0.0, "#ffd84d"), (3.0, "#f79433"), (8.0, "#d6402b"), (15.0, "#7a0017"))
"""Colours beyond it."""
NOT_FINITE = "#111111"
NOT_REACHED = "#a3a3a3"

Stops = Sequence[tuple[float, str]]


def colours_of(errors: Array) -> Array:
    """Return what colour errors in tolerances have, as red, green and blue from 0 to 255.

    Those above 1 have other colours than those up to it; NaN is grey, an infinity black.
    """
    with np.errstate(divide="ignore"):
        power = np.log10(errors)
    shown = np.where((errors <= 1)[..., None], _between(KEPT, power), _between(BEYOND, power))
    shown[np.isnan(errors)] = _rgb(NOT_REACHED)
    shown[np.isinf(errors)] = _rgb(NOT_FINITE)
    return shown.astype(np.uint8)


def _between(stops: Stops, power: Array) -> Array:
    known = np.nan_to_num(power, nan=0.0, neginf=stops[0][0], posinf=stops[-1][0])
    at = [each for each, _ in stops]
    parts = np.array([_rgb(colour) for _, colour in stops]).T
    return np.stack([np.interp(known, at, part) for part in parts], axis=-1).round()


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def gradient(stops: Stops) -> str:
    """Return colours as CSS draws them from left to right."""
    first, last = stops[0][0], stops[-1][0]
    shown = [f"{colour} {100 * (at - first) / (last - first):.0f}%" for at, colour in stops]
    return f"linear-gradient(to right, {', '.join(shown)})"
