"""Hypothesis profiles: ``dev`` is quick, ``ci`` is what a gate runs, ``thorough`` is for a night.

Each of these cases is checked under seven clips.

pytest --hypothesis-profile=thorough
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

# Compiled references are those of the command line; without them, most of the time goes there.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(user_cache_path("rnnverify") / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")

for name, examples in {"dev": 40, "ci": 100, "thorough": 5000}.items():
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,  # the first call compiles
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("ci" if os.environ.get("CI") else "dev")


UNMEASURED = ("tests/properties", "tests/quality")
"""Folders whose tests run what others cover, many times; measuring that takes half as long."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let one worker run all tests of a system, so that its reference is compiled only once."""
    for item in items:
        if config.pluginmanager.hasplugin("_cov") and item.nodeid.startswith(UNMEASURED):
            item.add_marker(pytest.mark.no_cover)
        parameters = getattr(item, "callspec", None)
        system = parameters and parameters.params.get("system")
        if isinstance(system, str):
            item.add_marker(pytest.mark.xdist_group(system))
