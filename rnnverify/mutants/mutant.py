"""A mutant: a bug that people make, as a small change to a model's source."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from rnnverify.errors import StaleMutantError
from rnnverify.records import Candidate


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A known bug of one system.

    Attributes:
        system: The system's name.
        name: What the bug is called, in words joined by underscores; unique in its system.
        before: The line of the source that is changed, or several lines that follow one another;
            they must occur just once.
        after: The line or lines in their place; indented as the first of those before.
        equation: The paper's equation that it breaks.
        symptom: What comes of it, in a sentence.
        form: Which source is changed: ``model``, or ``loops``, where each step is computed alone.
        clip: Under which clip it shows.
        lengths: Whether it shows only where sequences have lengths of their own.

    Raises:
        StaleMutantError: by the properties, if the source has no such line any more.
    """

    system: str
    name: str
    before: str
    after: str
    equation: str
    symptom: str
    form: Literal["model", "loops"] = "model"
    clip: str = "none"
    lengths: bool = False

    @property
    def module(self) -> ModuleType:
        """The module whose source is changed."""
        package = "models" if self.form == "model" else "loops"
        return import_module(f"rnnverify.{package}.{self.system}")

    @cached_property
    def line(self) -> int:
        """The number of the line that is changed, from 1."""
        return self.place[0] + 1

    @cached_property
    def source(self) -> str:
        """The module's source, changed."""
        (start, end), lines = self.place, inspect.getsource(self.module).splitlines()
        return "\n".join([*lines[:start], self.changed, *lines[end:]]) + "\n"

    @cached_property
    def original(self) -> str:
        """The lines that are changed, as they stand in the source."""
        start, end = self.place
        return "\n".join(inspect.getsource(self.module).splitlines()[start:end])

    @cached_property
    def changed(self) -> str:
        """What stands in their place."""
        first = self.original
        indent = first[: len(first) - len(first.lstrip())]
        return textwrap.indent(textwrap.dedent(self.after).strip("\n"), indent)

    @cached_property
    def gradients(self) -> Candidate:
        """The changed model, as a candidate."""
        return self.fresh()

    def fresh(self) -> Candidate:
        """Return the changed model, with none of the state that it may have kept."""
        return compiled(self.source, f"<{self.system}: {self.name}>")

    @cached_property
    def place(self) -> tuple[int, int]:
        """From which line to before which the source is changed, from 0."""
        wanted = [line.strip() for line in self.before.strip().splitlines()]
        lines = [line.strip() for line in inspect.getsource(self.module).splitlines()]
        n = len(wanted)
        found = [i for i in range(len(lines)) if lines[i : i + n] == wanted]
        if len(found) != 1:
            message = (
                f"{self.system}: the mutant {self.name!r} no longer applies: "
                f"{self.before!r} occurs {len(found)} times in {self.module.__name__}"
            )
            raise StaleMutantError(message)
        return found[0], found[0] + n


def overlap(first: Mutant, second: Mutant) -> bool:
    """Whether two mutants cannot be had together: of two sources, or of the same lines."""
    if first.form != second.form:
        return True
    (start, end), (other_start, other_end) = first.place, second.place
    return start < other_end and other_start < end


@cache
def together(first: Mutant, second: Mutant) -> Candidate:
    """Return the model with both of two bugs, which do not overlap."""
    source = inspect.getsource(first.module).splitlines()
    for mutant in sorted((first, second), key=lambda mutant: -mutant.line):
        start, end = mutant.place
        source[start:end] = mutant.changed.splitlines()
    return compiled("\n".join(source), f"<{first.system}: {first.name}, {second.name}>")


def compiled(source: str, filename: str) -> Candidate:
    """Return the function ``gradients`` of a module's source."""
    scope: dict[str, Any] = {"__name__": filename}
    exec(compile(source, filename, "exec"), scope)  # noqa: S102 - our own models' source
    gradients: Callable[..., Any] = scope["gradients"]
    return gradients
