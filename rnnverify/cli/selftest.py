"""The self-test: JAX starts, a right gradient matches, and a planted bug is found and named.

It runs in a process of its own, which JAX may crash, or hang.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnverify.cli.process import settle

if TYPE_CHECKING:
    from rnnverify.mutants.mutant import Mutant
    from rnnverify.surveys import Outcome

PLANTED = ("char_rnn", "recurrence_not_transposed")
"""The system and the mutant that is to be found, soon, and surely."""
CASES = 30
LONGEST = 400
"""Characters of an error's message; JAX's may go on for pages."""


class UnwellError(Exception):
    """Something is not as it should be."""


class Finding(NamedTuple):
    """What came of one stage.

    Attributes:
        name: The stage's, as in ``STAGES``.
        ok: Whether all is well.
        found: What was seen.
        facts: What else is to be told.
    """

    name: str
    ok: bool
    found: str
    facts: dict[str, Any]


class SelfTest:
    """The stages, of which each needs those before it.

    Args:
        mutant: The bug to plant; None for the usual one.
    """

    def __init__(self, mutant: "Mutant | None" = None) -> None:
        self._given = mutant
        self.facts: dict[str, Any] = {}

    def jax(self) -> str:
        """Import JAX."""
        import jax

        self.facts = {"x64": bool(jax.numpy.result_type(float) == "float64")}
        return f"jax {jax.__version__}"

    def backend(self) -> str:
        """Start its backend."""
        import jax

        self.facts = {"backend": jax.default_backend(), "devices": [*map(str, jax.devices())]}
        return f"{self.facts['backend']}: {', '.join(self.facts['devices'])}"

    def right(self) -> str:
        """Verify the model as it stands."""
        from rnnverify.surveys import outcome, run_of

        name = self.mutant.system
        seen = outcome(replace(run_of(self.mutant, CASES, 0), name=""))
        if seen.verdict != "match":
            message = f"{name}: the model as it stands is {seen.verdict} in case {seen.cases}"
            raise UnwellError(message)
        return f"{name}: the model as it stands matches in {CASES} cases"

    def found(self) -> str:
        """Verify it with a bug in it."""
        if not self.outcome.killed:
            message = f"{self._bug}: not found in {CASES} cases"
            raise UnwellError(message)
        return f"{self._bug}: found in case {self.outcome.cases}"

    def named(self) -> str:
        """Read the diagnosis."""
        told = self.outcome.diagnosis
        if not self.outcome.named:
            message = f"{self._bug}: taken for {told.name if told else 'nothing that is known'}"
            raise UnwellError(message)
        return f"{self._bug}: told by that name"

    @cached_property
    def mutant(self) -> "Mutant":
        """The bug that is planted."""
        from rnnverify.mutants import CATALOGUE

        system, name = PLANTED
        usual = next(each for each in CATALOGUE[system] if each.name == name)
        return self._given or usual

    @cached_property
    def outcome(self) -> "Outcome":
        """What became of it."""
        from rnnverify.surveys import of_mutant

        return of_mutant(self.mutant, cases=CASES, seed=0)

    @property
    def _bug(self) -> str:
        return f"{self.mutant.system} {self.mutant.name}"


STAGES: dict[str, Callable[[SelfTest], str]] = {
    "jax": SelfTest.jax,
    "backend": SelfTest.backend,
    "right": SelfTest.right,
    "found": SelfTest.found,
    "named": SelfTest.named,
}


def findings(test: SelfTest) -> Iterator[Finding]:
    """Go through the stages, up to the first that fails."""
    for name, stage in STAGES.items():
        test.facts = {}
        try:
            found, ok = stage(test), True
        except UnwellError as error:
            found, ok = str(error), False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is to be told
            found, ok = f"{type(error).__name__}: {shortened(str(error))}", False
        yield Finding(name, ok, found, test.facts)
        if not ok:
            return


def shortened(message: str) -> str:
    """Return a message in one line, of which one does not see the end where it is long."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def main(test: SelfTest | None = None) -> None:
    """Print each finding as a line of JSON; whatever else is printed goes to standard error.

    No cache is made: what compiles is forgotten, unless JAX_COMPILATION_CACHE_DIR names a folder.

    Args:
        test: The self-test; None for the usual one.
    """
    settle(cache="JAX_COMPILATION_CACHE_DIR" in os.environ)
    kept = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(kept, "w", encoding="utf-8") as stream:
        for finding in findings(test or SelfTest()):
            print(json.dumps(finding._asdict()), file=stream, flush=True)
