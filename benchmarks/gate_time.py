"""Time ``rnnverify gate`` on the built-in systems, and see that it says the same twice.

python -m benchmarks.gate_time --json -
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import machine
from benchmarks.verify_time import seconds

PROGRAM = ("-P", "-m", "rnnverify")
GATE = (*PROGRAM, "gate", "--baseline", "baseline.json")


@click.command()
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
def main(target: str) -> None:
    """Time an update with an empty compilation cache, and gates with a warm one, start included.

    The last gate draws a page of all reports, too. The package that is installed is timed, not the
    checkout: processes run in a folder elsewhere.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures: dict[str, Any] = {
            "update_cold_s": seconds(name, *GATE, "--update"),
            "verify_warm_s": seconds(name, *PROGRAM, "verify"),
            "gate_warm_s": seconds(name, *GATE, "--json", "1.json"),
            "gate_and_page_warm_s": seconds(name, *GATE, "--json", "2.json", "--html", "a.html"),
        }
        figures = {figure: round(value, 2) for figure, value in figures.items()}
        figures["same_json"] = timeless(folder / "1.json") == timeless(folder / "2.json")
        figures["page_bytes"] = (folder / "a.html").stat().st_size
        figures["baseline_lines"] = len((folder / "baseline.json").read_text().splitlines())
    figures["gate_over_verify"] = round(figures["gate_warm_s"] / figures["verify_warm_s"], 2)
    with click.open_file(target, "w") as file:
        document = {"format": 1, "machine": machine(), "rows": [figures]}
        file.write(json.dumps(document, indent=1) + "\n")


def timeless(path: Path) -> list[str]:
    """Return the lines of a gate's JSON, but for those of its times."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.lstrip().startswith('"seconds"')]


if __name__ == "__main__":
    main()
