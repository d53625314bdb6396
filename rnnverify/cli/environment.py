"""What a bug report has to tell of an environment: versions, machine, variables, and the cache.

Nothing of it is changed, and nothing that could be a secret is told.
"""

import os
import platform
import re
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from rnnverify import __version__

NEEDED = (
    *("numpy", "jax", "jaxlib", "hypothesis", "scipy", "optax", "pytest"),
    *("click", "rich", "platformdirs"),
)
OPTIONAL = ("torch", "matplotlib", "Jinja2")
VARIABLES = re.compile(r"(JAX|XLA|HYPOTHESIS)_\w+|OMP_NUM_THREADS")
"""The environment variables that decide how something here works."""
SECRET = re.compile(r"TOKEN|SECRET|PASS|CREDENTIAL|KEY|AUTH", re.IGNORECASE)
"""Words in the names of variables whose values are nobody's business."""
NO = ("n", "no", "f", "false", "off", "0")
"""What JAX takes for false."""


def facts() -> dict[str, Any]:
    """Return what can be told without JAX, by the keys of ``rnnverify doctor --json``."""
    return {
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "usable_cores": usable_cores(),
        },
        "environment": variables(os.environ),
        "cache": cache(os.environ),
    }


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of what is installed; None for what is not."""
    python = f"{platform.python_version()} ({platform.python_implementation()})"
    installed = {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    return {"rnnverify": __version__, "Python": python, **installed}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def unmet(package: str = "rnnverify") -> list[str]:
    """Return the dependencies of an installed package that are missing, too old, or too new.

    Args:
        package: Its name; of one that is not installed, but run from a folder, nothing is known.
    """
    from packaging.requirements import Requirement

    try:
        required = [Requirement(line) for line in metadata.requires(package) or []]
    except metadata.PackageNotFoundError:
        return []
    return [
        str(each)
        for each in required
        if (each.marker is None or each.marker.evaluate({"extra": ""}))
        and not each.specifier.contains(_version(each.name) or "0", prereleases=True)
    ]


def usable_cores() -> int | None:
    """Return how many cores this process may use, which may be fewer than there are."""
    of_process = getattr(os, "sched_getaffinity", None)  # not on every platform
    return os.cpu_count() if of_process is None else len(of_process(0))


def variables(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that matter here; None for a value that may be a secret."""
    named = sorted(name for name in environment if VARIABLES.fullmatch(name))
    return {
        name: None if SECRET.search(name) else without_credentials(environment[name])
        for name in named
    }


def without_credentials(value: str) -> str:
    """Return a value without the user, the password and the query of an address in it."""
    return re.sub(r"(://[^\s?]*)\?\S*", r"\1?...", re.sub(r"://[^/@\s]*@", "://...@", value))


def cache(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return where compiled references are kept, whether they can be, and how much there is."""
    default = str(user_cache_path("rnnverify") / "jax")  # as ``settle`` has it
    folder = environment.get("JAX_COMPILATION_CACHE_DIR") or default
    told = {
        "folder": without_credentials(folder),
        "enabled": environment.get("JAX_ENABLE_COMPILATION_CACHE", "true").lower() not in NO,
    }
    if "://" in folder:
        return {**told, "writable": None, "files": None, "bytes": None}
    sizes = _sizes(Path(folder))
    return {
        **told,
        "writable": writable(Path(folder)),
        "files": len(sizes),
        "bytes": sum(sizes),
    }


def writable(folder: Path) -> bool:
    """Whether a folder can be written to, or be made, where it is not there yet.

    It is tried, with a file that is gone at once: permissions tell nothing of a full disk.
    """
    absolute = folder.absolute()
    there = next(each for each in (absolute, *absolute.parents) if os.access(each, os.F_OK))
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"some")
    except OSError:
        return False
    return True


def _sizes(folder: Path) -> list[int]:
    """Return the sizes of the files below a folder, of as many as can be seen."""
    sizes = []
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append((Path(parent) / name).stat().st_size)
            except OSError:  # another process has just removed it
                continue
    return sizes


def without_home(text: str) -> str:
    """Return text in which the home folder is ``~``, so that it names nobody."""
    try:
        home = Path.home()
    except RuntimeError:  # there is none
        return text
    if home == Path(home.anchor):
        return text
    return re.sub(rf"(?<![\w.-]){re.escape(str(home))}(?![\w.-])", "~", text)
