"""Reports as one HTML page with pictures, which needs nothing but itself: no network, no script."""

from collections.abc import Callable, Collection, Sequence

from rnnverify.errors import UsageError
from rnnverify.results import Regression, Report

LIBRARIES = frozenset({"matplotlib", "jinja2"})
"""What is imported here only; the extra ``html`` installs it."""


def html(
    reports: Sequence[Report],
    regressions: Sequence[Regression] = (),
    *,
    known: Collection[Report] = (),
    notes: Sequence[str] = (),
    title: str = "rnnverify",
    drawn: Callable[[], None] = lambda: None,
) -> str:
    """Return reports as an HTML page; the same reports give the same page.

    Args:
        reports: In the order in which they are to stand; pictures need their ``details``.
        regressions: What is worse than a baseline says.
        known: Those that fail as a baseline says, and so are no failures here.
        notes: What else there is to tell, as a gate does.
        title: The page's title.
        drawn: Is called after the pictures of each report, for progress.

    Raises:
        UsageError: if matplotlib or Jinja2 is missing.
    """
    try:
        from rnnverify.reports.html.page import render  # noqa: PLC0415 - optional libraries
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES:
            raise
        message = "--html: needs matplotlib and Jinja2; pip install 'rnnverify[html]'"
        raise UsageError(message) from error
    return render(reports, regressions, known=known, notes=notes, title=title, drawn=drawn)
