"""The pytest plugin: options, explanations of failures, saved cases, and a summary.

Loading it imports neither JAX nor NumPy: everything else is imported once a test needs it.
"""

import inspect
import json
import os
import re
import shlex
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rnnverify.trials import Trial

PROPERTY = "rnnverify"
"""Under this name a test's outcome travels with its report, from workers too."""
TITLE = "rnnverify"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add this plugin's options."""
    group = parser.getgroup("rnnverify", "checks of hand-written gradients")
    group.addoption(
        "--rnnverify-cases",
        type=int,
        metavar="N",
        help="Cases in each gradient test, whatever it says itself.",
    )
    group.addoption(
        "--rnnverify-save",
        metavar="DIR",
        help="Save failing cases there.  [default: pytest's cache folder, where there is one]",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that make no sense."""
    cases = config.getoption("--rnnverify-cases")
    if cases is not None and cases < 1:
        message = f"--rnnverify-cases: {cases} is too few; at least 1 is needed"
        raise pytest.UsageError(message)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run a gradient test, and fail it if it passes, but too little was conclusive."""
    trial = trial_of(item)
    if trial is None:
        return (yield)
    from rnnverify.testing import adjust  # noqa: PLC0415

    adjust(getattr(item, "obj", None), item.config.getoption("--rnnverify-cases"))
    trial.reset()
    trial.run.prepare()
    result = yield
    trial.raise_for_weakness()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Explain a failure, save its case, and let the outcome travel with the report."""
    report = yield
    trial = trial_of(item)
    if trial is None or call.when != "call" or report.skipped:
        return report
    outcome = trial.outcome(_file(item) if report.failed else None, partial(_replay, item))
    if report.failed and outcome["verdict"] == "match":  # by pytest.fail, a deadline, and the like
        return report
    report.user_properties.append((PROPERTY, json.dumps(outcome)))
    if report.failed and outcome["explained"]:
        report.sections.append((TITLE, "\n".join(outcome["explained"])))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show one line for each gradient test, and how to see its failure again."""
    outcomes = list(_outcomes(terminalreporter))
    if not outcomes:
        return
    terminalreporter.section(TITLE)
    for node, outcome in outcomes:
        good = outcome["verdict"] == "match"
        terminalreporter.write(f"{outcome['verdict']:<16} ", green=good, red=not good)
        terminalreporter.write_line(f"{node}  {outcome['summary']}")
        if outcome["replay"]:
            terminalreporter.write_line(f"{'':<16} replay: {outcome['replay']}")


def trial_of(item: pytest.Item) -> "Trial | None":
    """Return what ``gradient_test`` has attached to a test, if it made it."""
    trial: Trial | None = getattr(getattr(item, "obj", None), "rnnverify_trial", None)
    return trial


def _outcomes(terminalreporter: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    yield report.nodeid, json.loads(value)


def _replay(item: pytest.Item, saved: Path | None) -> str:
    """Return the command that shows a failure again: from its file, or by the test itself."""
    trial = trial_of(item)
    invoked = item.config.invocation_params.dir
    path = os.path.relpath(item.path, invoked)
    names = item.nodeid.split("::")[1:]
    function = getattr(getattr(item, "obj", None), "rnnverify_adapter", None)
    alone = len(inspect.signature(function).parameters) == len(names) if function else False
    if saved is None or trial is None or not alone:
        return shlex.join(["pytest", "::".join([path, *names])])
    words = ["rnnverify", "replay", str(saved), f"{path}:{'.'.join(names)}"]
    scope = getattr(function, "__globals__", {})
    own = [name for name, value in scope.items() if value is trial.run.system]
    return shlex.join([*words, *(["--system", f"{path}:{own[0]}"] if own else [])])


def _file(item: pytest.Item) -> Path | None:
    """Return where a failing case is saved; None where nothing may be left behind."""
    name = re.sub(r"[^\w.]+", "-", item.nodeid).strip("-") + ".npz"
    asked = item.config.getoption("--rnnverify-save")
    if asked:
        return Path(asked) / name
    cache = getattr(item.config, "cache", None)
    return None if cache is None else Path(cache.mkdir("rnnverify")) / name
