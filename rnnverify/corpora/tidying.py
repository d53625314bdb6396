"""Tidying: what a corpus can do without, and which of its cases can be smaller.

Nothing is changed before it is settled what takes its place: a process that is killed at any moment
leaves every case, or its smaller one, or both.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from rnnverify.archives import one_line
from rnnverify.builtin import SYSTEMS, system_of
from rnnverify.corpora.folders import Kept, add, name_of
from rnnverify.corpora.minimizing import minimize
from rnnverify.corpora.replaying import ask
from rnnverify.errors import UsageError
from rnnverify.mutants import CATALOGUE
from rnnverify.records import Candidate, Case
from rnnverify.storage import Stored
from rnnverify.terms import Terms, make_terms
from rnnverify.verdicts import Verdict

NAMED = 3
"""Mutants that are named, where there are more."""

Trait = tuple[Literal["kills", "kind"], str]
"""What a case is kept for: a mutant that it kills, or a kind of which it is one."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of a file of a corpus.

    Attributes:
        file: The file.
        what: ``kept``, ``removed``, or ``replaced`` by a smaller case.
        why: In a few words.
        smaller: What takes its place.
    """

    file: Path
    what: Literal["kept", "removed", "replaced"]
    why: str
    smaller: Stored | None = None


def carry_out(fate: Fate) -> None:
    """Remove or replace a file; what takes its place is there before it goes.

    Raises:
        UsageError: if a file cannot be written, or removed.
    """
    if fate.what == "kept":
        return
    if fate.smaller is not None and add(fate.file.parent, fate.smaller) == fate.file:
        return
    try:
        fate.file.unlink(missing_ok=True)
    except OSError as error:
        message = f"corpus: cannot remove {one_line(str(fate.file))}: {error.strerror}"
        raise UsageError(message) from None


def duplicates(kept: Sequence[Kept]) -> list[Fate]:
    """Say which files hold what another one holds; one of each stays, if need be the first."""
    alike: defaultdict[str, list[Path]] = defaultdict(list)
    for each in kept:
        alike[name_of(each.stored)].append(each.file)
    fates = []
    for name, files in alike.items():
        stays = next((file for file in files if file.name == name), files[0])
        why = f"holds the same as {one_line(stays.name)}"
        fates += [Fate(file=file, what="removed", why=why) for file in files if file != stays]
    return fates


def shrunk(kept: Kept, candidate: Candidate, name: str) -> Fate:
    """Look for a smaller case in which a candidate fails in the same way.

    Args:
        kept: A case of a corpus.
        candidate: Gradient code.
        name: What it is called; a case that was found in something else stays as it is, since it
            need not fail there in the same way.

    Raises:
        UsageError: if the candidate does not return.
    """
    found_in, terms = kept.stored.candidate, make_terms(**kept.stored.terms)
    if found_in and _place(found_in) != _place(name):
        return Fate(file=kept.file, what="kept", why=f"was found in {found_in}")
    first = _asked(kept.case, candidate, terms)
    if not first.failed:
        return Fate(file=kept.file, what="kept", why=f"no failure now: {first.kind}")
    if first.kind == "invalid":
        return Fate(file=kept.file, what="kept", why=f"invalid: {one_line(first.message)}")

    def fails(case: Case) -> bool:
        return _way(_asked(case, candidate, terms)) == _way(first)

    case = minimize(first.case, fails)
    if _entries(case) == _entries(kept.case) and _all_equal(case, kept.case):
        return Fate(file=kept.file, what="kept", why="nothing smaller fails in the same way")
    text = _asked(case, candidate, terms).text
    smaller = replace(kept.stored, case=case, candidate=found_in or name, message=text)
    why = f"by {name_of(smaller)}: {_dims(kept.case)} became {_dims(case)}"
    return Fate(file=kept.file, what="replaced", why=why, smaller=smaller)


def _place(candidate: str) -> str:
    """Return a candidate's name, however its path is written."""
    path, colon, name = candidate.rpartition(":")
    return f"{os.path.normpath(path)}{colon}{name}"


def _asked(case: Case, candidate: Candidate, terms: Terms) -> Verdict:
    verdict = ask(case, [case.clip], candidate, terms)
    if verdict.hung:
        message = f"candidate: {one_line(verdict.message)}; its case was left as it is"
        raise UsageError(message)
    return verdict


def _way(verdict: Verdict) -> tuple[str, str | None]:
    """Return in which way a candidate fails: the verdict, and the gradient that is worst."""
    worst = verdict.worst
    return verdict.kind, None if worst is None else worst.gradient


def _entries(case: Case) -> int:
    return sum(array.size for array in case.values())


def _all_equal(first: Case, second: Case) -> bool:
    return all(np.array_equal(first[name], second[name]) for name in first)


def _dims(case: Case) -> str:
    return " ".join(f"{axis}={n}" for axis, n in case.dims.items())


def redundant(kept: Sequence[Kept], seen: Callable[[], None] = lambda: None) -> list[Fate]:
    """Say which cases a smallest set has that kills what all of them kill together.

    What is killed are the mutants of the catalogue, each under the case's own clip, lengths and
    terms. Of every candidate, system, dtype, kind of clip, truncation and terms at least one case
    stays; so does every case of which the catalogue can say nothing.

    Args:
        kept: The cases of a corpus, each once.
        seen: Is called after each.
    """
    told: list[tuple[Kept, frozenset[Trait]]] = []
    fates: list[Fate] = []
    for each in kept:
        killed = kills(each.stored)
        if killed is None:
            why = "no catalogue of bugs says anything of such a case"
            fates.append(Fate(file=each.file, what="kept", why=why))
        else:
            told.append((each, killed | {_kind(each.stored)}))
        seen()
    chosen = smallest_cover([(covers, _entries(each.case)) for each, covers in told])
    together = [covers for i, (_, covers) in enumerate(told) if i in chosen]
    for i, (each, covers) in enumerate(told):
        what: Literal["kept", "removed"] = "kept" if i in chosen else "removed"
        fates.append(Fate(file=each.file, what=what, why=_why(covers, together, what)))
    return sorted(fates, key=lambda fate: fate.file)


def kills(stored: Stored) -> frozenset[Trait] | None:
    """Return the mutants that a case kills; None where that says nothing.

    It says nothing of other systems than those of the catalogue, and where not even the model as it
    stands is what is asked for, as under another scale, or truncated.
    """
    case, terms = stored.case, make_terms(**stored.terms)
    system = SYSTEMS.get(case.system)
    if system is None or system.gradients is not system_of(case).gradients:
        return None
    if not ask(case, [case.clip], system.gradients, terms).ok:
        return None
    return frozenset(
        ("kills", f"{mutant.name} of {case.system}")
        for mutant in CATALOGUE.get(case.system, ())
        if ask(case, [case.clip], mutant.fresh(), terms).failed
    )


def _kind(stored: Stored) -> Trait:
    """Return what at least one case shall be kept of."""
    case = stored.case
    words = (stored.candidate, case.system, case.dtype, case.clip.kind, case.truncation)
    asked = f"lengths: {'lengths' in case}, terms: {sorted(stored.terms.items())}"
    return "kind", f"{', '.join(map(str, words))}, {asked}"


def smallest_cover(sets: Sequence[tuple[Iterable[Trait], int]]) -> set[int]:
    """Return the fewest sets, by number, that together hold what all of them hold.

    Args:
        sets: Each with its cost; of as many sets, those of the smallest cost are taken.
    """
    members = [frozenset(each) for each, _ in sets]
    everything = sorted(frozenset[Trait]().union(*members))
    if not everything:
        return set()
    costs = np.array([cost for _, cost in sets], float)
    holds = np.array([[float(name in each) for each in members] for name in everything])
    found = milp(
        1 + costs / (2 * costs.sum() + 1),
        constraints=LinearConstraint(holds, lb=1),
        integrality=np.ones(len(members)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    assert found.success, found.message
    return {i for i, share in enumerate(found.x) if share > 0.5}  # noqa: PLR2004 - 0 or 1


def _why(covers: frozenset[Trait], together: Sequence[frozenset[Trait]], what: str) -> str:
    mutants = [name for trait, name in sorted(covers) if trait == "kills"]
    if what == "removed":
        return f"what it kills, the others kill: {_listed(mutants)}"
    only = [name for name in mutants if sum(("kills", name) in each for each in together) == 1]
    return f"alone kills {_listed(only)}" if only else "the only one of its candidate and kind"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    text = ", ".join(name.partition(" ")[0] for name in names[:NAMED]) or "nothing"
    return f"{text} and {more} more" if more > 0 else text
