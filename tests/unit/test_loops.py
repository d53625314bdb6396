"""The loop forms, and the models that truncate, on one case each; tests/properties has many."""

import numpy as np
import pytest

from rnnverify.builtin import SYSTEMS
from rnnverify.drawing import explore
from rnnverify.loops import LOOPS
from rnnverify.records import Case
from rnnverify.strategies import cases
from tests.support import mended

TRUNCATING = [name for name, system in SYSTEMS.items() if system.truncated_gradients]


def third(name: str, truncate: int | None = None) -> Case:
    """Return the third case of a run, which is of several steps."""
    drawn: list[Case] = []
    explore(cases(name, truncate=truncate, dims={"T": (3, 6)}), drawn.append, seed=1, cases=3)
    return drawn[-1]


def are_alike(first: object, second: object, case: Case) -> bool:
    """Whether two pieces of code give the same gradients, but for rounding."""
    one, other = first(case), second(case)  # type: ignore[operator]
    names = one.keys() & other.keys()  # some return those of inputs, too
    return all(np.allclose(one[name], other[name], rtol=1e-9, atol=1e-12) for name in names)


@pytest.mark.parametrize("system", list(LOOPS))
def test_the_loop_form_gives_the_models_gradients(system: str) -> None:
    """And would be seen if it did not."""
    model, case = SYSTEMS[system].gradients, third(system)
    name = next(iter(SYSTEMS[system].weights))
    other = mended(LOOPS[system], name, lambda gradient: gradient + 1)

    assert are_alike(LOOPS[system], model, case)
    assert not are_alike(other, model, case)


@pytest.mark.parametrize("system", TRUNCATING)
def test_a_model_that_truncates_after_all_steps_is_the_model(system: str) -> None:
    """And another one where it truncates before."""
    truncated = SYSTEMS[system].truncated_gradients
    whole, cut = third(system, 6), third(system, 1)

    assert are_alike(truncated, SYSTEMS[system].gradients, whole)
    assert not are_alike(truncated, SYSTEMS[system].gradients, cut)
