"""Print README's table of false alarms from what ``benchmarks.false_alarms`` wrote.

python -m benchmarks.markdown alarms.json [more.json ...]
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

HEAD = """\
| system | dtype | cases of its model | of other right code | false alarms | worst error | \
inconclusive |
|---|---|---|---|---|---|---|"""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print one row a system and dtype: all candidates together, the worst of all clips."""
    print(table([row for file in files for row in json.loads(file.read_text())["rows"]]))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["system"], row["dtype"]].append(row)
    return "\n".join([HEAD, *(line(*key, group) for key, group in groups.items())])


def line(system: str, dtype: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return the line of one system in one dtype."""
    cases = {row["candidate"]: row["cases"] for row in rows}
    model = cases.pop("model")
    alarms = sum(row["alarms"] for row in rows)
    worst = max(row["worst"] for row in rows)
    inconclusive = max(row["inconclusive"] for row in rows)
    return (
        f"| `{system}` | {dtype} | {model:,} | {sum(cases.values()):,} | {alarms} "
        f"| {worst:.2f} | {inconclusive:.1%} |"
    )


if __name__ == "__main__":
    main()
