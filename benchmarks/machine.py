"""What a benchmark ran on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

NAMES = {"numpy": "NumPy", "jax": "JAX", "scipy": "SciPy", "autograd": "autograd", "torch": "torch"}
"""Packages on whose versions figures depend, as people write them."""


def machine() -> dict[str, Any]:
    """Return processor count, platform, versions and date, to stand beside every figure."""
    versions = {name: version_of(name) for name in (*NAMES, "hypothesis", "optax")}
    return {
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        **{name: found for name, found in versions.items() if found is not None},
        "date": datetime.now(UTC).date().isoformat(),
    }


def version_of(package: str) -> str | None:
    """Return an installed package's version; None if it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def measured_on(there: dict[str, Any]) -> str:
    """Return the line that stands below a table."""
    packages = [f"{shown} {there[name]}" for name, shown in NAMES.items() if name in there]
    words = [
        f"{there['cores']} cores, {there['processor']}",
        f"Python {there['python']}",
        *packages,
    ]
    return f"Measured {there['date']}: {', '.join(words)}."
