"""rnnverify: checks hand-written gradients of recurrent networks against automatic differentiation.

    >>> import rnnverify
    >>> report = rnnverify.verify(my_gradients, system="char_rnn")

Names are loaded when they are first used, so that importing the package is quick and
does not import JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnverify.builtin import find_system as find_system
    from rnnverify.checker import check as check
    from rnnverify.errors import MissingRuleError as MissingRuleError
    from rnnverify.errors import RnnverifyError as RnnverifyError
    from rnnverify.errors import UsageError as UsageError
    from rnnverify.records import Case as Case
    from rnnverify.records import Clip as Clip
    from rnnverify.records import Comparison as Comparison
    from rnnverify.records import Failure as Failure
    from rnnverify.records import Report as Report
    from rnnverify.records import Truncation as Truncation
    from rnnverify.records import Verdict as Verdict
    from rnnverify.runner import verify as verify
    from rnnverify.statistics import StochasticVerdict as StochasticVerdict
    from rnnverify.statistics import check_expectation as check_expectation
    from rnnverify.strategies import cases as cases
    from rnnverify.systems import System as System

__version__ = "0.1.0"

_HOMES = {
    "Case": "records",
    "Clip": "records",
    "Comparison": "records",
    "Failure": "records",
    "Report": "records",
    "Truncation": "records",
    "Verdict": "records",
    "RnnverifyError": "errors",
    "UsageError": "errors",
    "MissingRuleError": "errors",
    "System": "systems",
    "find_system": "builtin",
    "StochasticVerdict": "statistics",
    "cases": "strategies",
    "check_expectation": "statistics",
    "check": "checker",
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
