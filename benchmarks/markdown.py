"""Print README's table of false alarms from what ``benchmarks.false_alarms`` wrote.

python -m benchmarks.markdown alarms.json [more.json ...]
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

HEAD = """\
| system | candidate | dtype | cases, under {clips} clips each | false alarms | worst error | \
inconclusive |
|---|---|---|---|---|---|---|"""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print one row a system, candidate and dtype, the worst over all clips."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        for row in json.loads(file.read_text())["rows"]:
            groups[row["system"], row["candidate"], row["dtype"]].append(row)
    print(HEAD.format(clips=max(map(len, groups.values()))))
    for (system, candidate, dtype), rows in groups.items():
        alarms = sum(row["alarms"] for row in rows)
        worst = max(row["worst"] for row in rows)
        inconclusive = max(row["inconclusive"] for row in rows)
        cases = rows[0]["cases"]
        print(
            f"| `{system}` | {candidate} | {dtype} | {cases:,} | {alarms} | {worst:.2f} "
            f"| {inconclusive:.1%} |"
        )


if __name__ == "__main__":
    main()
