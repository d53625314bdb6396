"""Every exception that rnnverify raises on purpose, under one base class."""


class RnnverifyError(Exception):
    """The base class of every error that rnnverify raises on purpose."""


class UsageError(RnnverifyError, ValueError):
    """An argument is not what it should be; the message names it, shows it, and says what would be.

    It is a ``ValueError``, too, so that code which does not know rnnverify can catch it.
    """


class MissingRuleError(RnnverifyError, NotImplementedError):
    """A reference uses a JAX primitive for which no rounding rule is known."""


class InvalidGradientsError(RnnverifyError):
    """A candidate raised, wrote into its inputs, or returned something malformed."""

    def __init__(self, message: str, *, traceback: str | None = None) -> None:
        super().__init__(message)
        self.traceback = traceback
