"""Where the sequences of a run come from: generated, windows of a real text, or real additions.

A source gives the inputs of a case; weights, states and loss weights are generated in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import numpy as np

from rnnverify.errors import UsageError
from rnnverify.records import Array, InputKind
from rnnverify.systems import Sizes, System

LONGEST_WINDOW = 25
"""Steps in a window of a text, as in min-char-rnn."""
FEWEST_SYMBOLS = 2


class Source(Protocol):
    """Where the inputs of cases come from."""

    @property
    def kind(self) -> InputKind:
        """What a report calls it."""
        ...

    def sizes(self, system: System) -> Sizes:
        """Return the smallest and largest size of each axis."""
        ...

    def inputs(self, dims: Mapping[str, int], random: np.random.Generator) -> dict[str, Array]:
        """Return the inputs that replace generated ones, by name."""
        ...


class Generated:
    """Inputs as the regimes make them."""

    kind: InputKind = "generated"

    def sizes(self, system: System) -> Sizes:
        """Return the system's own sizes."""
        return system.sizes

    def inputs(self, _dims: Mapping[str, int], _random: np.random.Generator) -> dict[str, Array]:
        """Return nothing: the regimes make them all."""
        return {}


@dataclass(frozen=True)
class Text:
    """Windows of a text, whose characters are the vocabulary; targets are one character on.

    Raises:
        UsageError: if the text has fewer than two distinct characters.
    """

    text: str
    name: str = "text"
    kind: InputKind = "text"

    def __post_init__(self) -> None:
        if len(set(self.text)) < FEWEST_SYMBOLS:
            message = (
                f"text: {self.name} has {len(set(self.text))} distinct characters, but at least 2 "
                "are needed, for there to be something to predict"
            )
            raise UsageError(message)

    @cached_property
    def alphabet(self) -> str:
        """The characters that occur, in order."""
        return "".join(sorted(set(self.text)))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i for i, character in enumerate(self.alphabet)}

    def sizes(self, system: System) -> Sizes:
        """Return the system's sizes, but for the alphabet's and the windows' own."""
        v = len(self.alphabet)
        return {**system.sizes, "T": (1, min(LONGEST_WINDOW, len(self.text) - 1)), "V": (v, v)}

    def inputs(self, dims: Mapping[str, int], random: np.random.Generator) -> dict[str, Array]:
        """Return the token ids of a window, and of the same window one character on."""
        steps = dims["T"]
        start = int(random.integers(len(self.text) - steps))
        window = self.text[start : start + steps + 1]
        ids = np.array([self._ids[character] for character in window])
        return {"inputs": ids[:-1], "targets": ids[1:]}


class Additions:
    """Two random integers and their sum in binary, least significant bit first."""

    kind: InputKind = "additions"

    def sizes(self, system: System) -> Sizes:
        """Return the system's sizes: two bits in, one bit out."""
        return {**system.sizes, "D": (2, 2), "K": (1, 1)}

    def inputs(self, dims: Mapping[str, int], random: np.random.Generator) -> dict[str, Array]:
        """Return the bits of the summands, (T 2), and of the sum, (T 1), both below 2^T."""
        steps = dims["T"]
        a = int(random.integers(2**steps))
        b = int(random.integers(2**steps - a))
        x = [[_bit(a, t), _bit(b, t)] for t in range(steps)]
        return {"x": np.array(x), "y": np.array([[_bit(a + b, t)] for t in range(steps)])}


def _bit(number: int, place: int) -> float:
    return float(number >> place & 1)


def read_text(path: Path) -> Text:
    """Read a text from a file.

    Raises:
        UsageError: if it cannot be read as UTF-8, or has fewer than two distinct characters.
    """
    try:
        return Text(path.read_text(encoding="utf-8-sig"), name=str(path))
    except OSError as error:
        message = f"text: cannot read {path}: {error.strerror}"
        raise UsageError(message) from None
    except UnicodeDecodeError as error:
        message = f"text: {path} is not UTF-8 text (byte {error.start}); convert it first"
        raise UsageError(message) from None


def takes_text(system: System) -> bool:
    """Whether a system reads tokens and predicts the next, so that a text can be its input."""
    return set(system.inputs) == {"inputs", "targets", "loss_weights"}


def real_source(system: System, text: Text | None = None) -> Source | None:
    """Return the source of real inputs for a built-in system, if it has one.

    Args:
        system: The system.
        text: The text to take windows of; a short story that comes with the package if None.
    """
    if takes_text(system):
        return text or Text(files("rnnverify").joinpath("data/hourglass.txt").read_text("utf-8"))
    return Additions() if system.name == "binary_adder" else None
