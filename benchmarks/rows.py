"""Rows: what is timed of several contestants becomes one row for each that rnnverify is beside."""

from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
OURS = "rnnverify"
KEYS = ("table", "system", "size", "dtype", "peer", "ours_s", "peer_s", "ratio")
"""Those that every row has; null where they mean nothing."""


def joined(timings: Iterable[Row]) -> list[Row]:
    """Return a row for each contestant other than rnnverify, in the order of the timings.

    Args:
        timings: Each says ``who`` took how many ``seconds``, and at what, in further keys. Those in
            which all of the further keys agree are compared.

    Returns:
        Rows with all keys that the timings have. What rnnverify was not timed at has no row.
    """
    taken = list(timings)
    ours = {work(each): each["seconds"] for each in taken if each["who"] == OURS}
    return [
        row(each, ours[work(each)]) for each in taken if each["who"] != OURS and work(each) in ours
    ]


def work(timing: Row) -> tuple[tuple[str, str], ...]:
    """Return what was timed, whoever did it."""
    rest = {name: value for name, value in timing.items() if name not in ("who", "seconds")}
    return tuple(sorted((name, str(value)) for name, value in rest.items()))


def row(timing: Row, ours: float) -> Row:
    """Return one contestant's row."""
    rest = {name: value for name, value in timing.items() if name not in ("who", "seconds")}
    seconds = timing["seconds"]
    mine = {"peer": timing["who"], "ours_s": ours, "peer_s": seconds, "ratio": ours / seconds}
    return complete(rest | mine)


def alone(timing: Row) -> Row:
    """Return the row of something that is timed beside nothing; ``who`` says under what."""
    rest = {name: value for name, value in timing.items() if name not in ("who", "seconds")}
    return complete(rest | {"peer": timing["who"], "ours_s": timing["seconds"]})


def complete(row: Row) -> Row:
    """Return a row with all of the keys that every row has, those first."""
    return {key: row.get(key) for key in KEYS} | row


def of_table(rows: Sequence[Row], table: str) -> list[Row]:
    """Return the rows of one table."""
    return [each for each in rows if each["table"] == table]
