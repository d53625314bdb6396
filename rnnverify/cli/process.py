"""Settling in: what may be set up globally, because the process is the command line's own."""

import atexit
import os
import tempfile

from platformdirs import user_cache_path

OWN_PROCESS = "the process belongs to the command line"
"""The click context's object when ``rnnverify`` was started as a program."""


def settle(*, cache: bool) -> None:
    """Give JAX a compilation cache, if asked to, and Hypothesis a home that goes away.

    Both read their settings when they are first used. What the user has set in the environment
    stays as it is.
    """
    home = tempfile.TemporaryDirectory(prefix="rnnverify-")
    atexit.register(home.cleanup)
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", home.name)
    if cache:
        folder = user_cache_path("rnnverify") / "jax"
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    else:
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
