"""JUnit XML: read back by somebody else's reader, with the right counts, whatever the text."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from rnnverify.reports.junit import junit
from tests.made_reports import (
    DIAGNOSIS,
    REGRESSION,
    failure,
    inconclusive,
    invalid,
    matching,
    wrong,
)

SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"testcase"}),
    "testcase": (
        {"name", "classname"},
        {"failure", "error", "skipped", "system-out", "properties"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}
"""Of Jenkins' junit-10.xsd, what is used: each element's attributes and children; and properties
of a test case, which its JUnit plugin reads, though they are not in there."""


def read(text: str, folder: Path) -> list[TestSuite]:
    """Return the suites that another reader finds in a file."""
    (folder / "junit.xml").write_bytes(text.encode())
    return list(JUnitXml.fromfile(str(folder / "junit.xml")))


def only_case(text: str, folder: Path) -> TestCase:
    """Return the only test case of a file."""
    (suite,) = read(text, folder)
    (case,) = suite
    return case


def test_counts_are_those_of_the_results(tmp_path: Path) -> None:
    """A suite for each system, in order, and one of regressions; what fails is counted once."""
    reports = [matching(), wrong(), invalid(), inconclusive(), matching(system="gru")]
    suites = read(junit(reports, [REGRESSION], seconds=3.5), tmp_path)

    assert [suite.name for suite in suites] == ["char_rnn", "gru", "baseline"]
    counts = [(s.tests, s.failures, s.errors, s.skipped) for s in suites]
    assert counts == [(4, 2, 1, 0), (1, 0, 0, 0), (1, 1, 0, 0)]
    root = ET.fromstring((tmp_path / "junit.xml").read_bytes())  # noqa: S314 - our own file
    told = {"name": "rnnverify", "tests": "6", "failures": "3", "errors": "1", "time": "3.500"}
    assert root.attrib == told


def test_a_report_that_matches_passes(tmp_path: Path) -> None:
    """Its test case has no result, and its figures are properties."""
    case = only_case(junit([matching(seed=1234567)]), tmp_path)

    assert case.is_passed
    assert {e.get("name"): e.get("value") for e in case._elem.iter("property")} == {
        "seed": "1234567",
        "cases": "8",
        "worst_error_in_tolerances": "0.1",
        "digits_that_agree": "15.4",
        "share_conclusive": "1",
    }


def test_a_wrong_gradient_is_a_failure_in_words(tmp_path: Path) -> None:
    """With the verdict as its type, the gist as its message, and the whole report as its text."""
    report = wrong(failure=failure("Whh", diagnosis=DIAGNOSIS))
    case = only_case(junit([report]), tmp_path)
    (result,) = case.result

    assert isinstance(result, Failure)
    assert result.type == "wrong"
    assert result.message == "char_rnn: dWhh[0, 1] = -0.25, but should be 1.5 ± 2e-16"
    assert result.text == str(report)
    assert "recurrence_not_transposed" in result.text


def test_an_invalid_candidate_is_an_error(tmp_path: Path) -> None:
    """It is no failure of a gradient; its traceback stands below the report."""
    case = only_case(junit([invalid(traceback="line 3, in helper")]), tmp_path)
    (result,) = case.result

    assert isinstance(result, Error)
    assert result.type == "invalid"
    assert result.text.endswith("line 3, in helper")


def test_an_inconclusive_report_fails_and_says_why(tmp_path: Path) -> None:
    """There is no failing case to tell of, but gradients that were seldom conclusive."""
    (result,) = only_case(junit([inconclusive()]), tmp_path).result

    assert isinstance(result, Failure)
    assert result.message == "dWhh was conclusive in 2 of 7 cases where it is not zero"


def test_a_known_failure_is_skipped(tmp_path: Path) -> None:
    """It says that it is known, with the report beside it; its equal, which is not, still fails."""
    known, new = wrong(), wrong()
    (suite,) = read(junit([known, new, matching()], known=[known]), tmp_path)
    first, second, third = suite
    (skipped,) = first.result

    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (3, 1, 0, 1)
    assert isinstance(skipped, Skipped)
    assert skipped.message == "known: wrong, as in the baseline"
    assert first.system_out == str(known)
    assert isinstance(second.result[0], Failure)
    assert third.is_passed


def test_what_matches_is_no_known_failure(tmp_path: Path) -> None:
    """A report that matches passes, whatever the baseline says."""
    report = matching()

    assert only_case(junit([report], known=[report]), tmp_path).is_passed


def test_names_tell_test_cases_apart(tmp_path: Path) -> None:
    """Candidate, dtype, clip, input, truncation, lengths and options are in the name; no seed."""
    variants: list[dict[str, Any]] = [
        {},
        {"candidate": "other.py:f"},
        {"dtype": "float32"},
        {"clip": "norm"},
        {"input": "text"},
        {"truncate": "5"},
        {"lengths": True},
        {"options": {"scale": "1/T"}},
    ]
    (suite,) = read(junit([matching(**changes) for changes in variants]), tmp_path)
    (other,) = read(junit([matching(seed=7)]), tmp_path)
    names = [case.name for case in suite]

    assert len(set(names)) == len(variants)
    assert names[0] == "my_rnn.py:gradients, float64, clip none, generated"
    assert names[5] == "my_rnn.py:gradients, float64, clip none, generated, truncate 5"
    assert {case.classname for case in suite} == {"rnnverify.char_rnn"}
    assert [case.name for case in other] == names[:1]


def test_a_regression_is_a_failure_of_its_own(tmp_path: Path) -> None:
    """With its check and its kind as the name, and where the candidate is."""
    case = only_case(junit([], [REGRESSION]), tmp_path)
    (result,) = case.result

    assert case.name == "char_rnn float64 clip none: accuracy"
    assert (result.type, result.message) == ("accuracy", REGRESSION.text)
    assert (case._elem.get("file"), case._elem.get("line")) == ("my_rnn.py", "6")


def test_where_a_candidate_is_unknown_nothing_is_said_of_it(tmp_path: Path) -> None:
    """No file and no line, rather than empty ones."""
    case = only_case(junit([matching(place=None)]), tmp_path)

    assert "file" not in case._elem.attrib
    assert "line" not in case._elem.attrib


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("null \x00, bell \x07, delete \x7f", r"null \x00, bell \x07, delete \x7f"),
        ("half \ud800 a pair", r"half \ud800 a pair"),
        ("\ufffe and \uffff", r"\ufffe and \uffff"),
        ("]]> </failure> & \"quoted\" 'so'", "]]> </failure> & \"quoted\" 'so'"),
        ("σ = 1, 𝜎 too\tand\nmore", "σ = 1, 𝜎 too\tand\nmore"),
        ("of Windows\r\nand\rold", "of Windows\nand\nold"),
    ],
)
def test_text_that_xml_cannot_hold_is_spelt_out(tmp_path: Path, text: str, shown: str) -> None:
    """In messages, tracebacks and names: the file stays well-formed, and is read back."""
    report = invalid(text, traceback=f"{text}.", candidate=text, system=text)
    case = only_case(junit([report]), tmp_path)
    (result,) = case.result

    assert case.name.startswith(shown)
    assert shown in result.message
    assert result.text.endswith(f"{shown}.")


def test_nothing_at_all_is_a_file_too(tmp_path: Path) -> None:
    """Readers find no suite, rather than no file."""
    assert read(junit([]), tmp_path) == []


def beyond(element: ET.Element) -> list[str]:
    """Return the elements and attributes that Jenkins' schema does not have."""
    attributes, children = SCHEMA[element.tag]
    odd = [f"{element.tag}@{name}" for name in element.attrib if name not in attributes]
    odd += [f"{element.tag}/{e.tag}" for e in element if e.tag not in children]
    return odd + [each for e in element if e.tag in children for each in beyond(e)]


def test_it_is_what_jenkins_knows() -> None:
    """But for a test case's file and line, there is nothing that it does not."""
    known = wrong()
    text = junit([matching(), wrong(), invalid(), known], [REGRESSION], known=[known], seconds=1)
    root = ET.fromstring(text)  # noqa: S314 - our own file

    assert set(beyond(root)) == {"testcase@file", "testcase@line"}
    root[0].set("planted", "")
    assert "testsuite@planted" in beyond(root)
