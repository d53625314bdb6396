"""A relation: how one wrong gradient may come out of the right ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.diagnosis.witnesses import Witness
from rnnverify.records import Array

Raw = Callable[[Witness, str], Array | None]


@dataclass(frozen=True)
class Relation:
    """What a gradient may be instead of what it should be.

    Attributes:
        kind: ``relation``, or ``steps`` where it is made of the contributions of single steps.
        name: In words joined by underscores.
        text: The same as what comes after "dWhh".
        raw: What the gradient is then without its clip; None where that cannot be told.
        clipped: Whether it is what comes out of the clip.
    """

    kind: Literal["relation", "steps"]
    name: str
    text: str
    raw: Raw
    clipped: bool = False

    def predicted(self, witness: Witness, name: str) -> Array | None:
        """Return what a gradient is then."""
        raw = self.raw(witness, name)
        clip, covered = witness.case.clip, witness.question.covered
        if raw is None or self.clipped or clip.kind == "none" or name not in covered:
            return raw
        if clip.kind == "global-norm":
            return None
        return clip_gradients({name: raw}, clip)[name]


def holds(relation: Relation, name: str, witnesses: Sequence[Witness]) -> int | None:
    """Return in how many cases a relation explains a gradient; None if it fails in one."""
    explained = 0
    for witness in witnesses:
        if name not in witness.got:
            continue
        with np.errstate(all="ignore"):
            predicted = relation.predicted(witness, name)
        if predicted is None:
            continue
        if not witness.is_explained(name, np.asarray(predicted)):
            return None
        explained += name in witness.failing
    return explained
