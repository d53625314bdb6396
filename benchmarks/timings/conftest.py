"""What all timings are made with."""

from collections.abc import Iterator
from typing import Any

import jax
import pytest

from benchmarks.harness import Timing


@pytest.fixture
def timing(benchmark: Any, request: pytest.FixtureRequest) -> Timing:
    """Return what times a call."""
    return Timing(benchmark, float(request.config.getoption("benchmark_max_time")))


@pytest.fixture(autouse=True, scope="session")
def no_cache() -> Iterator[None]:
    """Let JAX keep no compiled programs in files, for what is cold shall be so."""
    config: Any = jax.config
    before = config.jax_enable_compilation_cache
    config.update("jax_enable_compilation_cache", val=False)
    yield
    config.update("jax_enable_compilation_cache", before)
