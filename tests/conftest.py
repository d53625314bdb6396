"""Hypothesis profiles: ``dev`` is quick, ``ci`` is what a gate runs, ``thorough`` is for a night.

pytest --hypothesis-profile=thorough
"""

import os

from hypothesis import HealthCheck, settings

for name, examples in {"dev": 40, "ci": 200, "thorough": 5000}.items():
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,  # the first call compiles
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("ci" if os.environ.get("CI") else "dev")
