"""Durations, as people write them: 90, 90s, 10m, 2h."""

import re

import click

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)")


class Duration(click.ParamType[float]):
    """Seconds, minutes or hours."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return how many seconds are meant."""
        found = FORM.fullmatch(str(value))
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no time; write 90s, 10m or 2h", param, ctx)
        return float(found[1]) * UNITS[found[2]]
