"""Time the main job, ``rnnverify verify``, with an empty compilation cache and with a warm one.

python -m benchmarks.verify_time --json -
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import click

from benchmarks.machine import machine


@click.command()
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
def main(target: str) -> None:
    """Time a cold run and a warm one, process start included, and a bare import.

    The package that is installed is timed, not the checkout: processes run in a folder elsewhere.
    """
    with tempfile.TemporaryDirectory() as cache:
        figures = {
            "import_rnnverify_s": seconds(cache, "-c", "import rnnverify")
            - seconds(cache, "-c", ""),
            "verify_cold_s": seconds(cache, "-m", "rnnverify", "verify"),
            "verify_warm_s": seconds(cache, "-m", "rnnverify", "verify"),
        }
    rows: dict[str, Any] = {name: round(value, 3) for name, value in figures.items()}
    rows["warm_over_cold"] = round(figures["verify_warm_s"] / figures["verify_cold_s"], 2)
    with click.open_file(target, "w") as file:
        file.write(json.dumps({"format": 1, "machine": machine(), "rows": [rows]}, indent=1) + "\n")


def seconds(folder: str, *words: str) -> float:
    """Return the wall-clock seconds that a Python process takes, its caches being in a folder."""
    start = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": folder},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
