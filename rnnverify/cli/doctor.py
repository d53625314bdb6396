"""``rnnverify doctor``: what a bug report should tell, and whether all is well."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from rnnverify import __version__
from rnnverify.cli.environment import facts, unmet, without_home
from rnnverify.cli.options import TO_JSON
from rnnverify.cli.output import STDOUT, check_writable, write
from rnnverify.cli.running import INTERRUPTED
from rnnverify.cli.selftest import STAGES, shortened
from rnnverify.errors import UsageError
from rnnverify.reports.json import FORMAT, render

TIMEOUT = 300.0
"""Seconds that the self-test may take, which takes some six."""
CODE = "from rnnverify.cli.selftest import main; main()"
CLAIMS = {
    "dependencies": "every dependency is there, in a supported version",
    "cache": "compiled references can be kept",
    "jax": "JAX can be imported",
    "backend": "JAX's backend starts",
    "right": "a right gradient matches",
    "found": "a planted bug is found",
    "named": "the planted bug is named",
}
BROKEN = "reinstall rnnverify; if that does not help, please open an issue with this text"
MENDS = {
    "cache": "rnnverify verify --no-cache does without; XDG_CACHE_HOME=FOLDER moves it",
    "jax": "python -m pip install --force-reinstall jax jaxlib",
    "backend": "JAX_PLATFORMS=cpu rnnverify doctor; if that is well, keep it set",
    "right": BROKEN,
    "found": BROKEN,
    "named": BROKEN,
}
EXAMPLES = """\b
Examples:
  rnnverify doctor
  rnnverify doctor --json doctor.json

\b
Keys of the JSON:
  versions     by name; null for what is not installed
  machine      platform, cores, usable_cores
  environment  the variables that are set; null for one that may be a secret
  cache        folder, enabled, writable, files, bytes
  jax          backend, devices, x64: whether jax_enable_x64 is set; null if unknown
  checks       for each: name, claim, ok (null if it was not run), found, mend
  ok           whether all checks are

\b
Exit codes:
  0  all is well
  1  something is not: the line says how to mend it
  2  bad usage
"""


@click.command(epilog=EXAMPLES)
@TO_JSON
def doctor(target: str | None) -> None:
    """Tell what a bug report should tell, and test that a planted bug is found.

    The text can be pasted into an issue: the home folder is ~, and nothing that may be a secret
    is shown. Nothing is changed. The self-test takes some seconds, in a process of its own.
    """
    try:
        if target is not None:
            check_writable(target)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    try:
        told = _examined(err=target == STDOUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if target is not None:
        write(render(told), target)
    sys.exit(0 if told["ok"] else 1)


def _examined(*, err: bool) -> dict[str, Any]:
    """Find out everything, and show each part once it is known."""
    told: dict[str, Any] = {"format": FORMAT, "version": __version__, **_homeless(facts())}
    _say(_lines(told), err=err)
    findings = _homeless(_tested())
    seen: dict[str, Any] = {"backend": None, "devices": None, "x64": None}
    told["jax"] = seen | {k: v for each in findings for k, v in each.pop("facts", {}).items()}
    told["checks"] = [_dependencies(), _kept(told["cache"]), *map(_judged, findings)]
    told["ok"] = all(check["ok"] for check in told["checks"])
    _say([*_jax_lines(told["jax"]), *_check_lines(told["checks"])], err=err)
    return told


def _homeless(value: Any) -> Any:
    """Return values in whose texts the home folder is ``~``."""
    if isinstance(value, dict):
        return {key: _homeless(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_homeless(each) for each in value]
    return without_home(value) if isinstance(value, str) else value


def _tested() -> list[dict[str, Any]]:
    """Run the self-test; return what came of each of its stages, those that were not run too."""
    output, end = _child()
    stages: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    left: list[dict[str, Any]] = [
        {"name": name, "ok": None, "found": "not run"} for name in list(STAGES)[len(stages) :]
    ]
    if left and all(stage["ok"] for stage in stages):
        left[0] |= {"ok": False, "found": end}
    return [*stages, *left]


def _child() -> tuple[str, str]:
    """Run the self-test's process; return the lines that it printed, and how it ended."""
    code = f"import sys; sys.path[:] = {sys.path!r}; {CODE}"
    words = [sys.executable, "-P", "-c", code]
    try:
        done = subprocess.run(  # noqa: S603 - our own code
            words, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as over:
        output, errors, end = over.stdout, over.stderr, f"no answer within {TIMEOUT:g} s"
    else:
        output, errors, end = done.stdout, done.stderr, _end(done.returncode)
    last = (errors or b"").decode(errors="replace").strip().rpartition("\n")[2]
    whole = (output or b"").decode(errors="replace").rpartition("\n")[0]
    return whole, shortened(f"{end}: {last}" if last else end)


def _end(status: int) -> str:
    """Return how a process has ended that was not to end."""
    if status >= 0:
        return f"the process ended with exit code {status}"
    return f"the process was ended by signal {-status} ({signal.strsignal(-status)})"


def _judged(finding: Mapping[str, Any]) -> dict[str, Any]:
    return _check(finding["name"], finding["ok"], finding["found"])


def _check(name: str, ok: bool | None, found: str, mend: str | None = None) -> dict[str, Any]:  # noqa: FBT001 - a value
    advice = (mend or MENDS[name]) if ok is False else None
    return {"name": name, "claim": CLAIMS[name], "ok": ok, "found": found, "mend": advice}


def _dependencies() -> dict[str, Any]:
    lacking = unmet()
    if not lacking:
        return _check("dependencies", ok=True, found="as rnnverify requires them")
    mend = f"python -m pip install --upgrade {shlex.join(lacking)}"
    return _check("dependencies", ok=False, found=f"needed: {', '.join(lacking)}", mend=mend)


def _kept(cache: Mapping[str, Any]) -> dict[str, Any]:
    if not cache["enabled"]:
        return _check("cache", ok=True, found="not asked for: JAX_ENABLE_COMPILATION_CACHE says so")
    if cache["writable"] is None:
        return _check("cache", ok=True, found=f"{cache['folder']}, which was not looked at")
    found = f"{cache['folder']} can{'' if cache['writable'] else 'not'} be written to"
    return _check("cache", ok=cache["writable"], found=found)


def _say(lines: Sequence[str], *, err: bool) -> None:
    click.echo("\n".join(lines), err=err)


def _lines(told: Mapping[str, Any]) -> list[str]:
    machine = told["machine"]
    return [
        "versions",
        *(_row(name, version or "not installed") for name, version in told["versions"].items()),
        "machine",
        _row("platform", machine["platform"]),
        _row("cores", f"{machine['cores']}, of which {machine['usable_cores']} may be used"),
        "environment variables: JAX_*, XLA_*, HYPOTHESIS_*, OMP_NUM_THREADS",
        *(_variable_lines(told["environment"]) or ["  none is set"]),
        *_cache_lines(told["cache"]),
    ]


def _variable_lines(variables: Mapping[str, str | None]) -> list[str]:
    return [
        f"  {name} is set (not shown)" if value is None else f"  {name}={value}"
        for name, value in variables.items()
    ]


def _cache_lines(cache: Mapping[str, Any]) -> list[str]:
    files, n = cache["files"], cache["bytes"]
    return [
        "compilation cache",
        _row("folder", cache["folder"]),
        _row("enabled", "yes" if cache["enabled"] else "no"),
        _row("writable", {True: "yes", False: "no", None: "unknown"}[cache["writable"]]),
        _row("files", "unknown" if files is None else f"{files} ({n / 1e6:.1f} MB)"),
    ]


def _jax_lines(jax: Mapping[str, Any]) -> list[str]:
    x64 = {True: "set", False: "not set, nor need it be", None: "unknown"}[jax["x64"]]
    return [
        "JAX, as rnnverify uses it",
        _row("backend", jax["backend"] or "unknown"),
        _row("devices", ", ".join(jax["devices"] or ["unknown"])),
        _row("x64", f"jax_enable_x64 is {x64}"),
    ]


def _check_lines(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["checks"]
    for check in checks:
        word = {True: "ok", False: "NOT OK", None: "not run"}[check["ok"]]
        found = "" if check["ok"] is None else f" ({check['found']})"
        lines.append(f"  {word:<7}  {check['claim']}{found}")
        if check["mend"]:
            lines.append(f"  {'':<7}  to mend it: {check['mend']}")
    wrong = sum(check["ok"] is False for check in checks)
    return [*lines, f"{wrong} of {len(checks)} checks failed" if wrong else "all is well"]


def _row(name: str, value: str) -> str:
    return f"  {name:<12}  {value}"
