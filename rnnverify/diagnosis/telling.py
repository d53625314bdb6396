"""Telling a diagnosis: the sentence, the equation and the lines concerned, and how sure it is."""

from collections.abc import Mapping, Sequence

from rnnverify.diagnosis.conditions import Condition
from rnnverify.diagnosis.factors import Factor
from rnnverify.diagnosis.relation import Relation
from rnnverify.diagnosis.timing import since
from rnnverify.mutants.mutant import Mutant
from rnnverify.results import Change, Diagnosis

MANY = 5
"""Cases from which on a diagnosis is sure."""


def by_mutants(named: Sequence[tuple[Mutant, ...]], confirmed_on: int) -> Diagnosis:
    """Return the diagnosis that a known bug, or two, explain it.

    Args:
        named: Mutants that all explain it, the first of which is told; each one or two bugs.
        confirmed_on: In how many further cases.
    """
    first, *same = named
    name = "+".join(mutant.name for mutant in first)
    said = " And: ".join(mutant.symptom for mutant in first)
    also = ", ".join("+".join(mutant.name for mutant in each) for each in same)
    return Diagnosis(
        kind="mutant" if len(first) == 1 else "mutants",
        name=name,
        text=f"behaves like {name}: {said}" + (f" (So does {also}.)" if also else ""),
        confirmed_on=confirmed_on,
        confidence=_confidence(confirmed_on),
        changes=tuple(_change(mutant) for mutant in first),
    )


def _change(mutant: Mutant) -> Change:
    file = "/".join(mutant.module.__name__.split(".")) + ".py"
    return Change(
        equation=mutant.equation,
        file=file,
        line=mutant.line,
        expected=mutant.original,
        instead=mutant.changed,
    )


def by_relations(
    found: Mapping[str, tuple[Relation, int]], unexplained: Sequence[str], *, unclipped: bool
) -> Diagnosis:
    """Return the diagnosis that wrong gradients come out of the right ones in a simple way.

    Args:
        found: What each wrong gradient is, and in how many further cases.
        unexplained: The wrong gradients of which that is not known.
        unclipped: Whether a clip comes after it.
    """
    groups: dict[str, list[str]] = {}
    for name, (relation, _) in found.items():
        groups.setdefault(relation.text, []).append(f"d{name}")
    said = "; ".join(f"{_listed(names)} {text}" for text, names in groups.items())
    clip = ", before the clip" if unclipped else ""
    confirmed_on = min(n for _, n in found.values())
    first, _ = next(iter(found.values()))
    return Diagnosis(
        kind=first.kind,
        name=first.name,
        text=f"{said}{clip}{_not_known(unexplained)}",
        confirmed_on=confirmed_on,
        confidence=_confidence(confirmed_on),
    )


def by_factors(factors: Mapping[str, Factor], unexplained: Sequence[str]) -> Diagnosis | None:
    """Return the diagnosis that one factor of some gradients is wrong; None for none.

    Args:
        factors: Which, for each weight of which that is known.
        unexplained: Weights whose gradients are wrong, of which it is not known.
    """
    groups: dict[str, list[str]] = {}
    for name, factor in factors.items():
        groups.setdefault(_factor_text(factor), []).append(f"d{name}")
    if not groups:
        return None
    first = next(iter(factors.values()))
    shown = [each.steps for factor in factors.values() for each in factor.shown]
    confirmed_on = min(len(factor.shown) for factor in factors.values())
    said = "; ".join(text.format(", ".join(names)) for text, names in groups.items())
    return Diagnosis(
        kind="steps",
        name=f"{first.side}_of_another_step" if first.shift else f"{first.side}_wrong",
        text=f"{said}{_not_known(unexplained)}",
        confirmed_on=confirmed_on,
        confidence=f"solved for in {confirmed_on} cases of up to {max(shown)} steps, which agree",
    )


def _factor_text(factor: Factor) -> str:
    """Return what is said of a factor, with a place for the gradients."""
    when = since(factor.shown, several=factor.side == "adjoint")
    other = {1: "after", -1: "before"}.get(factor.shift)
    if factor.side == "adjoint":
        said = [f"are those of the step {other}"] if other else []
        said += [when] if when else []
        return f"the adjoints in {{}} {', and '.join(said) or 'are wrong'}"
    if other:
        return f"in {{}} each adjoint is multiplied by what belongs to the step {other}"
    which = f", which {when}" if when else ""
    return f"the adjoints in {{}} are right, but not what they are multiplied by{which}"


def _not_known(names: Sequence[str]) -> str:
    """Say of which wrong gradients nothing is known."""
    if not names:
        return ""
    listed = ", ".join(f"d{name}" for name in names)
    return f"; where {listed} {'comes' if len(names) == 1 else 'come'} from is not known"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"each of {', '.join(names)}"


def by_condition(condition: Condition) -> Diagnosis:
    """Return the diagnosis that all is right in some kind of case."""
    text, right, failing, others = condition
    return Diagnosis(
        kind="condition",
        name=text,
        text=f"right in all {right} cases with {text}; of the {others} others {failing} fail",
        confirmed_on=right,
        confidence="unlikely to be chance",
    )


def _confidence(confirmed_on: int) -> str:
    if confirmed_on >= MANY:
        return f"certain: it is the same in {confirmed_on} further failing cases"
    return f"likely: it is the same in the {confirmed_on} further failing cases that were found"
