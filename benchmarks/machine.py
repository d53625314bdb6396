"""What a benchmark ran on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any


def machine() -> dict[str, Any]:
    """Return processor count, platform, versions and date, to stand beside every figure."""
    return {
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "jax", "hypothesis", "optax")},
        "date": datetime.now(UTC).date().isoformat(),
    }
