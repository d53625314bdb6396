"""Time the first verdict on a user's file, with an empty compilation cache and with a warm one.

python -m benchmarks.first_verdict --json -
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks.machine import machine

WRONG = Path(__file__).parents[1] / "tests" / "examples" / "my_rnn.py"
MEND = ("dhnext = Whh @ dhraw", "dhnext = Whh.T @ dhraw")
COMMAND = ("-m", "rnnverify", "verify", "my_rnn.py:gradients", "--system", "char_rnn")


@click.command()
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
def main(target: str) -> None:
    """Time ``rnnverify verify my_rnn.py:gradients --system char_rnn``, from process start to end.

    The file is README's: mended, and as it stands, wrong, so that the failure is shrunk and
    explained. The package that is installed is timed, not the checkout.
    """
    source = WRONG.read_text(encoding="utf-8")
    rows = []
    for name, code, exit_code in (("right", source.replace(*MEND), 0), ("wrong", source, 1)):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "my_rnn.py").write_text(code, encoding="utf-8")
            cold, warm = (seconds(folder, exit_code) for _ in range(2))
        rows.append({"file": name, "cold_s": round(cold, 2), "warm_s": round(warm, 2)})
    with click.open_file(target, "w") as file:
        file.write(json.dumps({"format": 1, "machine": machine(), "rows": rows}, indent=1) + "\n")


def seconds(folder: str, exit_code: int) -> float:
    """Return the wall-clock seconds that a verdict takes, caches being in a folder."""
    start = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *COMMAND],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": folder},
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - start
    if done.returncode != exit_code:
        message = f"exit code {done.returncode}, not {exit_code}:\n{done.stdout}{done.stderr}"
        raise click.ClickException(message)
    return taken


if __name__ == "__main__":
    main()
