"""Reports as JSON, format 1: keys may be added, never changed; what has no figure is null."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rnnverify import __version__
from rnnverify.results import Failure, Regression, Report

FORMAT = 1


def document(reports: Sequence[Report], **more: Any) -> dict[str, Any]:
    """Return reports as plain values, for ``render``.

    Args:
        reports: In the order in which they are to stand.
        more: What else is to stand beside them, such as times, which differ from run to run.
    """
    return {
        "format": FORMAT,
        "version": __version__,
        "reports": [report_values(report) for report in reports],
        **more,
    }


def report_values(report: Report) -> dict[str, Any]:
    """Return one report as plain values."""
    values = {
        field.name: getattr(report, field.name)
        for field in dataclasses.fields(report)
        if field.name not in ("gradients", "failure", "place", "details")
    }
    gradients = {name: dataclasses.asdict(each) for name, each in report.gradients.items()}
    failure = report.failure and failure_values(report.failure)
    place = report.place and dataclasses.asdict(report.place)
    return {**values, "gradients": gradients, "failure": failure, "place": place}


def failure_values(failure: Failure) -> dict[str, Any]:
    """Return a failure as plain values; the case as its dims, clip and regimes."""
    values = {
        field.name: getattr(failure, field.name)
        for field in dataclasses.fields(failure)
        if field.name not in ("verdict", "fault", "diagnosis")
    }
    case = failure.verdict.case
    return {
        "verdict": failure.verdict.kind,
        **values,
        "fault": None if failure.fault is None else dataclasses.asdict(failure.fault),
        "diagnosis": None if failure.diagnosis is None else dataclasses.asdict(failure.diagnosis),
        "ratio": failure.verdict.ratio,
        "dims": case.dims,
        "clip": str(case.clip),
        "regimes": case.regimes,
        "traceback": failure.verdict.traceback,
    }


def regression_values(regression: Regression) -> dict[str, Any]:
    """Return what is worse than a baseline as plain values."""
    return {"check": regression.check, "kind": regression.kind, "text": regression.text}


def render(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text, NaN and infinities as null."""
    return json.dumps(_plain(document), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
