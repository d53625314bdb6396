"""JAX is set up for references, whatever its user has set up, and only where they run."""

from typing import Any

import jax
import pytest

from rnnverify.programs import jax_settings

FLAGS = [
    ("jax_enable_x64", False, True),
    ("jax_debug_nans", True, False),
    ("jax_debug_infs", True, False),
    ("jax_disable_jit", True, False),
    ("jax_numpy_dtype_promotion", "strict", "standard"),
    ("jax_numpy_rank_promotion", "raise", "allow"),
    ("jax_transfer_guard", "disallow", "allow"),
]


@pytest.mark.parametrize(("flag", "theirs", "ours"), FLAGS)
def test_references_have_settings_of_their_own(flag: str, theirs: Any, ours: Any) -> None:
    """Inside, each flag is as references need it; outside, as its user has set it."""
    config: Any = jax.config
    before = getattr(config, flag)
    config.update(flag, theirs)
    try:
        with jax_settings():
            inside = getattr(config, flag)
        outside = getattr(config, flag)
    finally:
        config.update(flag, before)

    assert (inside, outside) == (ours, theirs)
