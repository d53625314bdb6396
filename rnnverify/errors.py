"""Every exception that rnnverify raises on purpose, under one base class."""


class RnnverifyError(Exception):
    """The base class of every error that rnnverify raises on purpose."""


class UsageError(RnnverifyError, ValueError):
    """An argument is not what it should be; the message names it, shows it, and says what would be.

    It is a ``ValueError``, too, so that code which does not know rnnverify can catch it.
    """


class MissingRuleError(RnnverifyError, NotImplementedError):
    """A reference uses a JAX primitive for which no rounding rule is known."""


class StaleMutantError(RnnverifyError):
    """The line that a mutant changes is no longer in the model's source, or is there twice."""


class InvalidGradientsError(RnnverifyError):
    """A candidate raised, wrote into its inputs, or returned something malformed."""

    def __init__(self, message: str, *, traceback: str | None = None, breach: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
        self.breach = breach


class TimeLimitError(InvalidGradientsError):
    """A candidate did not return within the time that a call may take."""


class PassedOnError(BaseException):
    """Carries what is meant for a test runner, such as a skip, past those who judge candidates."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class MismatchError(RnnverifyError, AssertionError):
    """A gradient is not what it should be; an ``AssertionError``, so that a test fails by it.

    Attributes:
        verdict: What ``check`` says of the case, where one case was checked.
        report: What ``verify`` found out, where many were.
    """

    def __init__(self, message: str, *, verdict: object = None, report: object = None) -> None:
        super().__init__(message)
        self.verdict = verdict
        self.report = report


class InaccurateGradientError(MismatchError):
    """A gradient loses more digits than rounding explains."""


class ScaledGradientError(MismatchError):
    """Every gradient is off by one and the same factor."""


class WrongGradientError(MismatchError):
    """A gradient is something else."""


class NonfiniteGradientError(MismatchError):
    """A gradient is NaN or infinite, where the answer is finite."""


class NondeterministicError(MismatchError):
    """The same case gives other gradients when it is asked for again."""


class InvalidCandidateError(MismatchError):
    """The candidate raised, hung, wrote into its inputs, or returned something malformed."""


class InconclusiveError(MismatchError):
    """Too little could be told for a pass."""


class RoundingRuleWarning(UserWarning):
    """A reference has a primitive without a rounding rule, which gets noise all the same."""
