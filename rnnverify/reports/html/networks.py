"""Networks: between which parts of an unrolled network a system's arrays are at work.

That is told from their axes, whatever system it is; where those leave a choice, from the order in
which arrays are declared, and the usual names of targets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rnnverify.axes import LINEAR, Axes
from rnnverify.records import Case

INITIAL = "init"
"""What is in the names of weights that the state before the first step is made of."""
TARGETS = ("target", "label", "y")
"""How names of inputs begin that only the loss reads."""


@dataclass(frozen=True)
class Network:
    """The arrays of a case by where they are at work.

    Attributes:
        start: What the state before the first step is made of: states, and weights named so.
        inputs: What is read at each step.
        targets: What the loss of each step is told from.
        heard: Loss weights or cotangents of each step.
        last: Cotangents of what is left after the last step.
        into: Weights from an input to the state, and its biases.
        along: Weights from a state to the next.
        out: Weights from the state to the loss.
    """

    start: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    into: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    out: tuple[str, ...] = ()


def network_of(case: Case, gradients: Iterable[str]) -> Network:
    """Return where the arrays of a case are at work.

    Args:
        case: The case; if its system is not known, all that has a gradient is a weight.
        gradients: The arrays of which there are gradients.
    """
    if case.origin is None:
        names = tuple(gradients)
        others = tuple(name for name in case if name not in names)
        return Network(inputs=others, along=names)
    return _network(case.origin)


def _network(system: Any) -> Network:
    inputs: Mapping[str, Axes] = system.inputs
    read = [name for name, axes in inputs.items() if axes.values not in LINEAR | {"lengths"}]
    linear = [name for name, axes in inputs.items() if axes.values in LINEAR]
    targets = tuple(name for name in read if name.lower().startswith(TARGETS))
    read = [name for name in read if name not in targets]
    places = _places(system.weights, _letters(inputs, read), _state_letters(system))
    return Network(
        start=(*system.state, *(n for n, at in places.items() if at == "start")),
        inputs=tuple(read),
        targets=targets,
        heard=tuple(name for name in linear if inputs[name].is_scanned),
        last=tuple(name for name in linear if not inputs[name].is_scanned),
        **{place: tuple(n for n, at in places.items() if at == place) for place in PLACES},
    )


PLACES = ("into", "along", "out")


def _letters(arrays: Mapping[str, Axes], names: Iterable[str]) -> set[str]:
    """Return the axes along which arrays have features: no time, but what tokens stand for."""
    found = {letter for name in names for letter in arrays[name].letters}
    below = {str(arrays[name].below) for name in names if arrays[name].below}
    return (found | below) - {"T"}


def _is_square(axes: Axes) -> bool:
    return len(axes.names) > 1 and axes.names[0] == axes.names[-1]


def _state_letters(system: Any) -> set[str]:
    """Return the axes of the hidden units: those of states that weights have, too."""
    of_weights = {letter for axes in system.weights.values() for letter in axes.letters}
    of_state = {letter for axes in system.state.values() for letter in axes.letters}
    of_square = {e for axes in system.weights.values() if _is_square(axes) for e in axes.letters}
    return (of_state & of_weights) or of_square


def _places(weights: Mapping[str, Axes], read: set[str], state: set[str]) -> dict[str, str]:
    """Return where each weight is at work.

    Where inputs and outputs have the same features, the first way round that is declared leads
    into the state, and the other way round out of it.
    """
    places: dict[str, str] = {}
    inwards: tuple[str, ...] | None = None
    for name, axes in weights.items():
        ends = tuple(each for each in axes.names if not each.isdigit())
        if INITIAL in name.lower():
            places[name] = "start"
        elif _is_square(axes):
            places[name] = "along"
        elif state.isdisjoint(axes.letters):
            places[name] = "out"
        elif len(ends) == 1:
            places[name] = "into"
        elif read.isdisjoint(set(axes.letters) - state):
            places[name] = "out"
        else:
            inwards = inwards or ends
            places[name] = "into" if ends == inwards else "out"
    return places
