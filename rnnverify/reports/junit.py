"""Reports as JUnit XML: a suite for each system, a test case for each report.

It is what pytest writes and Jenkins, GitLab and the like read: Jenkins' schema of JUnit files
(junit-10.xsd), and besides, on a test case, what the schema of its xUnit plugin does not name but
all others use: ``file``, ``line`` and ``properties``.
"""

from collections.abc import Collection, Iterable, Sequence
from xml.etree import ElementTree as ET

from rnnverify.reports.words import (
    fewest_digits,
    gist,
    is_known,
    largest_error,
    plain,
    share_conclusive,
    system_of,
    way_of,
)
from rnnverify.results import Place, Regression, Report

BASELINE = "baseline"
"""The suite of what is worse than a baseline says."""


def junit(
    reports: Sequence[Report],
    regressions: Sequence[Regression] = (),
    *,
    known: Collection[Report] = (),
    seconds: float | None = None,
) -> str:
    """Return reports as JUnit XML, to be written as UTF-8.

    What is no match is a failure, a candidate that is invalid an error; both tell the report in
    words. What fails as a baseline says is skipped. Each regression is a failing test case of its
    own.

    Args:
        reports: In the order in which they are to stand within their system's suite.
        regressions: What is worse than a baseline says.
        known: Those that fail as a baseline says.
        seconds: How long all of it took.
    """
    root = ET.Element("testsuites", name="rnnverify")
    for system in dict.fromkeys(report.system for report in reports):
        own = (each for each in reports if each.system == system)
        cases = (_case(each, is_expected=is_known(each, known)) for each in own)
        root.append(_suite(system, cases))
    if regressions:
        root.append(_suite(BASELINE, map(_regression, regressions)))
    root.attrib |= {key: _total(root, key) for key in ("tests", "failures", "errors")}
    if seconds is not None:
        root.set("time", f"{seconds:.3f}")
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(name: str, cases: Iterable[ET.Element]) -> ET.Element:
    suite = ET.Element("testsuite", name=plain(name))
    suite.extend(cases)
    counts = {
        "tests": len(suite),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    suite.attrib |= {key: str(n) for key, n in counts.items()}
    return suite


def _total(root: ET.Element, key: str) -> str:
    return str(sum(int(suite.attrib[key]) for suite in root))


def _case(report: Report, *, is_expected: bool) -> ET.Element:
    made = _testcase(report.system, _name(report), report.place)
    properties = ET.SubElement(made, "properties")
    for name, value in _figures(report).items():
        ET.SubElement(properties, "property", name=name, value=value)
    if is_expected:
        message = f"known: {report.verdict}, as in the baseline"
        ET.SubElement(made, "skipped", message=plain(message))
        ET.SubElement(made, "system-out").text = plain(_told(report))
    elif not report.ok:
        _add_failure(made, report.verdict, gist(report), _told(report))
    return made


def _name(report: Report) -> str:
    """Return what tells a report from others of its system, and is the same from run to run."""
    asked = system_of(report).removeprefix(report.system).strip()
    return ", ".join(filter(None, (report.candidate, way_of(report), asked)))


def _figures(report: Report) -> dict[str, str]:
    figures = {
        "seed": report.seed,
        "cases": report.cases,
        "worst_error_in_tolerances": largest_error(report),
        "digits_that_agree": fewest_digits(report),
        "share_conclusive": share_conclusive(report),
    }
    return {name: _number(value) for name, value in figures.items() if value is not None}


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _told(report: Report) -> str:
    """Return a report in words, with the candidate's own traceback."""
    traceback = report.failure and report.failure.verdict.traceback
    return f"{report}\n\n{traceback}" if traceback else str(report)


def _regression(found: Regression) -> ET.Element:
    made = _testcase(BASELINE, f"{found.check}: {found.kind}", found.place)
    _add_failure(made, found.kind, found.text, found.text)
    return made


def _testcase(group: str, name: str, place: Place | None) -> ET.Element:
    where = {} if place is None else {"file": plain(place.file), "line": str(place.line)}
    # what is before the last dot of a class is a package to Jenkins
    classname = f"rnnverify.{group.replace('.', '_')}"
    return ET.Element("testcase", classname=plain(classname), name=plain(name), attrib=where)


def _add_failure(made: ET.Element, kind: str, message: str, text: str) -> None:
    tag = "error" if kind == "invalid" else "failure"
    told = ET.SubElement(made, tag, type=plain(kind), message=plain(message))
    told.text = plain(text)
