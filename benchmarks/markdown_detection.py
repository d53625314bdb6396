"""README's tables of what checkers find, from the rows of ``benchmarks.detection``."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

Row = dict[str, Any]
KILLS = """\
| checker | loss | killed | mutants killed | gross errors killed | false alarms | time |
|---|---|---|---|---|---|---|"""


def tables(rows: Sequence[Row]) -> str:
    """Return the table of kills over all systems, and that of the smallest errors, if there is one.

    The time is the median over the systems, in rnnverify's.
    """
    smallest = smallest_table(rows)
    return kills_table(rows) + (f"\n\n{smallest}" if smallest else "")


def kills_table(rows: Sequence[Row]) -> str:
    """Return the table of kills."""
    kills = [row for row in rows if "killed" in row]
    return "\n".join([KILLS, *(kill_line(kills, *key) for key in keys(kills))])


def smallest_table(rows: Sequence[Row]) -> str:
    """Return the table of the smallest errors; "" if there are none."""
    smallest = [row for row in rows if "smallest" in row]
    return "\n".join(smallest_lines(smallest)) if smallest else ""


def keys(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return every loss with every checker, in the order of the rows."""
    return list(dict.fromkeys((row["loss"], row["peer"]) for row in rows))


def kill_line(rows: Sequence[Row], loss: str, peer: str) -> str:
    """Return one checker's figures under one loss, over all systems."""
    mine = [row for row in rows if (row["loss"], row["peer"]) == (loss, peer)]
    pairs = [("killed", "killable"), ("mutants_killed", "mutants_killable")]
    pairs += [("gross_killed", "gross_killable"), ("false_alarms", "checks")]
    shares = [share(*(sum(row[name] for row in mine) for name in pair)) for pair in pairs]
    time = statistics.median(row["seconds_ratio"] for row in mine)
    return f"| {peer} | {loss} | {' | '.join(shares)} | {time:.2g} |"


def share(some: int, of: int) -> str:
    """Return a count as people read it."""
    return f"{some:,} of {of:,} ({some / of:.1%})" if some and of else f"{some} of {of:,}"


def smallest_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Give the table of the smallest relative errors that are seen."""
    losses = list(dict.fromkeys(row["loss"] for row in rows))
    yield f"| checker | {' | '.join(losses)} |"
    yield "|---" * (1 + len(losses)) + "|"
    for peer in dict.fromkeys(row["peer"] for row in rows):
        mine = {row["loss"]: row["smallest"] for row in rows if row["peer"] == peer}
        shown = ["none" if mine[loss] is None else f"{mine[loss]:.0e}" for loss in losses]
        yield f"| {peer} | {' | '.join(shown).replace('e-0', 'e-')} |"
