"""Code in every convention met in public matches by an adapter of ten lines, and bugs are named."""

import inspect
import shutil
from pathlib import Path

import pytest

import rnnverify
from tests.conventions.examples import CONVENTIONS
from tests.conventions.support import Convention, Edit

LINES = 10


def report_on(name: str, *edits: Edit) -> rnnverify.Report:
    """Verify a convention's code, with changes in its source."""
    convention = CONVENTIONS[name]
    if isinstance(convention.code, Path) and shutil.which("cc") is None:
        pytest.skip("there is no C compiler here")
    candidate = convention.candidate(*edits)
    return rnnverify.verify(candidate, convention.system, cases=40, **convention.terms)


def lines(convention: Convention) -> int:
    """Return how many lines of code an adapter has, its first included, its docstring not."""
    source = inspect.getsource(convention.adapter).replace(
        f'"""{convention.adapter.__doc__}"""', ""
    )
    return sum(bool(line.strip()) for line in source.splitlines())


@pytest.mark.parametrize("name", CONVENTIONS)
def test_right_code_matches(name: str) -> None:
    """Every gradient that the code returns is right, to the last digit."""
    report = report_on(name)

    assert report.ok, report.failure


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_bug_is_found_in_the_gradients_that_it_touches(name: str) -> None:
    """A bug of the kind that people make is found, and no gradient that stays right is blamed."""
    report, touched = report_on(name, CONVENTIONS[name].bug), CONVENTIONS[name].touched.split()
    differ = {gradient for gradient, each in report.gradients.items() if each.differ > 0}

    assert not report.ok
    assert differ == set(touched)
    assert report.failure is not None
    assert report.failure.gradient in touched


@pytest.mark.parametrize("name", CONVENTIONS)
def test_an_adapter_has_ten_lines_or_fewer(name: str) -> None:
    """That is all that the author of such code has to write."""
    assert lines(CONVENTIONS[name]) <= LINES
