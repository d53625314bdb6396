"""rnnverify: checks hand-written gradients of recurrent networks against automatic differentiation.

    >>> import rnnverify
    >>> report = rnnverify.verify(my_gradients, system="char_rnn")

Names are loaded when they are first used, so that importing the package is quick and
does not import JAX.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Case": "records",
    "Clip": "records",
    "Comparison": "records",
    "Failure": "records",
    "Report": "records",
    "Verdict": "records",
    "RnnverifyError": "errors",
    "UsageError": "errors",
    "MissingRuleError": "errors",
    "System": "systems",
    "find_system": "systems",
    "cases": "strategies",
    "check": "checker",
    "verify": "runner",
}

__all__ = [  # noqa: PLE0604 - strings, all of them: the keys of _HOMES
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
