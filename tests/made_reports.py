"""Reports made by hand, as runs would: what reporters are tested with, and no JAX is compiled."""

from typing import Any

import numpy as np

from rnnverify.records import Case, Clip
from rnnverify.results import Diagnosis, Failure, GradientSummary, Place, Regression, Report
from rnnverify.verdicts import Comparison, Verdict

NAMES = ("Wxh", "Whh", "by")
PLACE = Place(file="my_rnn.py", line=6)
REGRESSION = Regression(
    check="char_rnn float64 clip none",
    kind="accuracy",
    text="the worst error was 0.1 tolerances, and is 3 now",
    place=PLACE,
)
DIAGNOSIS = Diagnosis(
    kind="mutant",
    name="recurrence_not_transposed",
    text="behaves like recurrence_not_transposed: What is carried back goes through Whh.",
    confirmed_on=9,
    confidence="certain: it is the same in 9 further failing cases",
)


def matching(**changes: Any) -> Report:
    """Return a report of gradients that all match."""
    made: dict[str, Any] = {
        "system": "char_rnn",
        "candidate": "my_rnn.py:gradients",
        "input": "generated",
        "clip": "none",
        "dtype": "float64",
        "seed": 0,
        "cases": 8,
        "verdict": "match",
        "counts": {"match": 7, "zero": 1},
        "clip_active": 0.0,
        "regimes": {"loss: ones": 8},
        "gradients": {name: summarised() for name in NAMES},
        "place": PLACE,
    }
    return Report(**made | changes)


def wrong(*names: str, **changes: Any) -> Report:
    """Return a report of which the gradients named, or else that of Whh, are wrong."""
    names = names or ("Whh",)
    told = {"worst": 1e14, "agree": 0.5, "differ": 6}
    made = {
        "verdict": "wrong",
        "counts": {"match": 2, "wrong": 6},
        "gradients": {n: summarised(**told) if n in names else summarised() for n in NAMES},
        "failure": failure(*names),
    }
    return matching(**made | changes)


def invalid(message: str = "the candidate raised ValueError: not today", **changes: Any) -> Report:
    """Return a report of a candidate that is invalid.

    Args:
        message: What is said of it.
        changes: The report's fields, and its ``traceback``.
    """
    verdict = Verdict(
        kind="invalid", case=case(), message=message, traceback=changes.pop("traceback", None)
    )
    made = {
        "verdict": "invalid",
        "counts": {"invalid": 8},
        "gradients": {},
        "failure": Failure.of(verdict, "rnnverify verify my_rnn.py:gradients --case 1"),
    }
    return matching(**made | changes)


def inconclusive(**changes: Any) -> Report:
    """Return a report of which one gradient was conclusive in too few cases."""
    made = {
        "verdict": "inconclusive",
        "counts": {"inconclusive": 6, "match": 2},
        "weak": ("Whh",),
        "gradients": {name: summarised(conclusive=2) for name in NAMES},
    }
    return matching(**made | changes)


def failure(*names: str, diagnosis: Diagnosis | None = None, **changes: Any) -> Failure:
    """Return a failure in which the gradients named, or else that of Whh, are wrong."""
    names = names or ("Whh",)
    verdict = Verdict(
        kind="wrong",
        case=case(),
        comparisons=tuple(comparison(name, right=name not in names) for name in NAMES),
    )
    made = Failure.of(verdict, "rnnverify verify my_rnn.py:gradients --system char_rnn --case 2")
    values = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return Failure(**values | {"diagnosis": diagnosis} | changes)


def comparison(name: str, *, right: bool = True) -> Comparison:
    """Return what is found out of a gradient in one case."""
    return Comparison(
        gradient=name,
        kind="match" if right else "wrong",
        worst=0.1 if right else 1e14,
        index=(0, 1),
        got=1.5 if right else -0.25,
        want=1.5,
        tolerance=2e-16,
        digits=13.5,
        agree=15.4 if right else 0.0,
        conclusive=True,
        zero=False,
        errors=np.array([[0.0, 0.1 if right else 1e14]]),
    )


def summarised(**changes: Any) -> GradientSummary:
    """Return what is found out of a gradient in many cases."""
    made: dict[str, Any] = {
        "worst": 0.1,
        "digits": 13.5,
        "agree": 15.4,
        "conclusive": 7,
        "nonzero": 7,
        "differ": 0,
    }
    return GradientSummary(**made | changes)


def case() -> Case:
    """Return a case without arrays."""
    return Case(
        system="char_rnn",
        dims={"T": 2, "V": 3, "H": 2},
        arrays={},
        clip=Clip(),
        regimes=("loss: ones", "state: zero"),
    )
