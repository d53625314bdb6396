"""Settling in: what may be set up globally, because the process is the command line's own."""

import gc
import os
import warnings

from platformdirs import user_cache_path

from rnnverify.errors import RoundingRuleWarning

OWN_PROCESS = "the process belongs to the command line"
"""The click context's object when ``rnnverify`` was started as a program."""


def calm_collector() -> None:
    """Keep the garbage collector off what was loaded at the start, and let it run less often.

    A run makes few cycles; without this the collector takes a tenth of its time.
    """
    gc.freeze()
    gc.set_threshold(20_000)


def settle(*, cache: bool) -> None:
    """Keep JAX on the CPU, and give it a compilation cache, if asked to.

    JAX reads the environment when it is imported, which must not have happened yet. What the user
    has set there stays as it is.
    """
    warnings.simplefilter("ignore", RoundingRuleWarning)  # reports have a note of it
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if cache:
        folder = user_cache_path("rnnverify") / "jax"
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    else:
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
