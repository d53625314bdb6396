"""Durations, as people write them: 90, 90s, 10m, 2h."""

import re

import click

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)")


def to_seconds(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """Return how many seconds an option means; None where it is not given.

    Raises:
        BadParameter: if it is no time.
    """
    if text is None:
        return None
    found = FORM.fullmatch(text)
    if found is None or not float(found[1]):
        message = f"{text!r} is no time; write 90s, 10m or 2h"
        raise click.BadParameter(message)
    return float(found[1]) * UNITS[found[2]]
