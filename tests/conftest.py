"""Hypothesis profiles: ``dev`` is quick, ``ci`` is what a gate runs, ``thorough`` is for a night.

Each of these cases is checked under seven clips.

pytest --hypothesis-profile=thorough
"""

import os

import pytest
from hypothesis import HealthCheck, settings

for name, examples in {"dev": 40, "ci": 100, "thorough": 5000}.items():
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,  # the first call compiles
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker run all tests of a system, so that its reference is compiled only once."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        system = parameters and parameters.params.get("system")
        if isinstance(system, str):
            item.add_marker(pytest.mark.xdist_group(system))
