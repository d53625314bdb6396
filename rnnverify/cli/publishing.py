"""Publishing: one command's reports, in every form that it was asked for."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from rnnverify.cli.output import STDOUT, check_writable, progress, stdout_kept_clean, write
from rnnverify.cli.requests import Options
from rnnverify.errors import UsageError
from rnnverify.reports.json import render
from rnnverify.results import Regression, Report

TARGETS = {"--json": "target", "--junit": "junit", "--markdown": "markdown", "--html": "html"}
"""Options that name a file, and their names among ``Options``."""
TOLD_BY_REPORTS = ("verdict", "inconclusive")
"""Kinds of regressions that a report which is no match tells anyway."""


def settled(options: Options) -> Options:
    """Return options whose files stay where they are, whatever the candidate does.

    Raises:
        UsageError: if a result could not be written, or more than one is to go to standard output.
    """
    given = {option: getattr(options, name) for option, name in TARGETS.items()}
    wanted = {option: target for option, target in given.items() if target is not None}
    printed = [option for option, target in wanted.items() if target == STDOUT]
    if len(printed) > 1:
        message = f"{' and '.join(printed)}: only one can go to standard output; name a file"
        raise UsageError(message)
    if options.html is not None and not (find_spec("matplotlib") and find_spec("jinja2")):
        message = "--html: needs matplotlib and Jinja2; pip install 'rnnverify[html]'"
        raise UsageError(message)
    for option, target in wanted.items():
        check_writable(target, option)
    files: dict[str, Any] = {
        TARGETS[option]: target if target == STDOUT else str(Path(target).absolute())
        for option, target in wanted.items()
    }
    return replace(options, **files, save=options.save and options.save.absolute())


def takes_stdout(options: Options) -> bool:
    """Whether a result goes to standard output, and all else to standard error."""
    return STDOUT in (getattr(options, name) for name in TARGETS.values())


def kept_clean(options: Options, *, own_process: bool) -> AbstractContextManager[None]:
    """Keep standard output free of what candidates print, if a result goes there."""
    clean = stdout_kept_clean(own_process=own_process)
    return clean if takes_stdout(options) else nullcontext()


def publish(
    options: Options,
    values: Mapping[str, Any],
    reports: Sequence[Report],
    *,
    regressions: Sequence[Regression] = (),
    known: Sequence[Report] = (),
    notes: Sequence[str] = (),
    seconds: float | None = None,
) -> None:
    """Write results wherever they are to go, but for the terminal.

    Args:
        options: Where to.
        values: The JSON document.
        reports: What all other forms are made from.
        regressions: What else is wrong.
        known: Those of the reports that fail as is known.
        notes: What else is to be told.
        seconds: How long it took.
    """
    apart = _apart(regressions, reports)
    if options.target is not None:
        write(render(values), options.target)
    if options.junit is not None:
        from rnnverify.reports.junit import junit

        write(junit(reports, apart, known=known, seconds=seconds), options.junit)
    if options.markdown is not None:
        from rnnverify.reports.markdown import markdown

        _summarise(markdown(reports, regressions, known=known, notes=notes), options.markdown)
    if options.html is not None:
        write(_page(reports, regressions, known, notes), options.html)
    asked = options.annotate
    if asked or (asked is None and os.environ.get("GITHUB_ACTIONS") == "true"):
        from rnnverify.reports.annotations import annotations

        click.echo(annotations(reports, apart, known=known), nl=False, err=takes_stdout(options))


def _apart(regressions: Sequence[Regression], reports: Sequence[Report]) -> list[Regression]:
    """Return the regressions that no report tells: of other kinds, or found in other cases."""
    if not regressions:
        return []
    from rnnverify.gating.baselines import check_of

    failing = {check_of(report) for report in reports if not report.ok}
    return [e for e in regressions if e.kind not in TOLD_BY_REPORTS or e.check not in failing]


def _summarise(text: str, target: str) -> None:
    """Write Markdown; a step's summary in GitHub Actions may hold something else already."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and target != STDOUT and Path(target) == Path(summary).absolute():
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(text)
        return
    write(text, target)


def _page(
    reports: Sequence[Report],
    regressions: Sequence[Regression],
    known: Sequence[Report],
    notes: Sequence[str],
) -> str:
    from rnnverify.reports.html import html

    with progress(len(reports)) as shown:
        drawn = shown.begin("pictures", len(reports), "report")
        return html(reports, regressions, known=known, notes=notes, drawn=drawn)
