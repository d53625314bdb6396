"""rnnverify: checks hand-written gradients of recurrent networks against automatic differentiation.

    >>> import rnnverify
    >>> report = rnnverify.verify(my_gradients, system="char_rnn")

Names are loaded when they are first used, so that importing the package is quick and
does not import JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnverify.axes import bits as bits
    from rnnverify.axes import cotangents as cotangents
    from rnnverify.axes import loss_weights as loss_weights
    from rnnverify.axes import probabilities as probabilities
    from rnnverify.axes import reals as reals
    from rnnverify.axes import tokens as tokens
    from rnnverify.builtin import find_system as find_system
    from rnnverify.checker import check as check
    from rnnverify.errors import MismatchError as MismatchError
    from rnnverify.errors import MissingRuleError as MissingRuleError
    from rnnverify.errors import RnnverifyError as RnnverifyError
    from rnnverify.errors import RoundingRuleWarning as RoundingRuleWarning
    from rnnverify.errors import UsageError as UsageError
    from rnnverify.records import Case as Case
    from rnnverify.records import Clip as Clip
    from rnnverify.records import Truncation as Truncation
    from rnnverify.results import Diagnosis as Diagnosis
    from rnnverify.results import Failure as Failure
    from rnnverify.results import Report as Report
    from rnnverify.runner import verify as verify
    from rnnverify.statistics import StochasticVerdict as StochasticVerdict
    from rnnverify.statistics import check_expectation as check_expectation
    from rnnverify.storage import load_case as load_case
    from rnnverify.storage import save_case as save_case
    from rnnverify.strategies import cases as cases
    from rnnverify.systems import System as System
    from rnnverify.testing import assert_gradients_match as assert_gradients_match
    from rnnverify.testing import gradient_test as gradient_test
    from rnnverify.verdicts import Comparison as Comparison
    from rnnverify.verdicts import Verdict as Verdict

__version__ = "0.1.0"

_HOMES = {
    "Case": "records",
    "Clip": "records",
    "Comparison": "verdicts",
    "Diagnosis": "results",
    "Failure": "results",
    "Report": "results",
    "Truncation": "records",
    "Verdict": "verdicts",
    "RnnverifyError": "errors",
    "MismatchError": "errors",
    "RoundingRuleWarning": "errors",
    "UsageError": "errors",
    "MissingRuleError": "errors",
    "System": "systems",
    "bits": "axes",
    "cotangents": "axes",
    "loss_weights": "axes",
    "probabilities": "axes",
    "reals": "axes",
    "tokens": "axes",
    "find_system": "builtin",
    "StochasticVerdict": "statistics",
    "cases": "strategies",
    "check_expectation": "statistics",
    "check": "checker",
    "load_case": "storage",
    "save_case": "storage",
    "assert_gradients_match": "testing",
    "gradient_test": "testing",
    "verify": "runner",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - names, all of them: the keys of _HOMES


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
