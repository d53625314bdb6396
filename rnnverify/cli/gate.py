"""``rnnverify gate``: what is worse than a baseline says ends a build."""

import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnverify.cli.durations import to_seconds
from rnnverify.cli.judging import Outcome, baseline_of, judged
from rnnverify.cli.nightly import explored, show_explored
from rnnverify.cli.options import CACHED, TO_JSON, held_to, reported
from rnnverify.cli.output import check_writable, console
from rnnverify.cli.planning import GateOptions, planned
from rnnverify.cli.process import OWN_PROCESS, calm_collector, settle
from rnnverify.cli.publishing import kept_clean, publish, settled, takes_stdout
from rnnverify.cli.requests import Options
from rnnverify.cli.running import INTERRUPTED, report_of_end
from rnnverify.cli.supervising import supervise
from rnnverify.cli.telling import End, Told
from rnnverify.defining import shown
from rnnverify.errors import UsageError
from rnnverify.reports.json import document, regression_values
from rnnverify.reports.terminal import show
from rnnverify.reports.words import number

if TYPE_CHECKING:
    from rnnverify.gating.baselines import Baseline

EXAMPLES = """\b
Examples:
  rnnverify gate --baseline gradients.json --update
  rnnverify gate --baseline gradients.json
  rnnverify gate my_rnn.py:gradients --system char_rnn --baseline gradients.json
  rnnverify gate --baseline gradients.json --corpus corpus --html gradients.html
  rnnverify gate --explore 10m --corpus corpus

\b
In pyproject.toml, with the names of rnnverify.verify:
  [[tool.rnnverify.check]]
  candidate = "my_rnn.py:gradients"
  system = "char_rnn"
  clip = ["none", "value:5"]

\b
Exit codes:
  0  all is as good as in the baseline
  1  something is worse, or --explore found a failure
  2  bad usage, or an invalid candidate
"""


@click.command(epilog=EXAMPLES)
@click.argument("candidate", nargs=-1)
@click.option(
    "--system",
    multiple=True,
    metavar="NAME|PATH.py:OBJECT",
    help="Which system the candidates implement; without one, whose built-in models are checked.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What was found out when all was well.  [required, but for --explore]",
)
@click.option("--update", is_flag=True, help="Write the baseline, rather than compare with it.")
@click.option(
    "--explore",
    callback=to_seconds,
    metavar="TIME",
    help="Look for failures with fresh seeds, so long (90s, 10m, 2h); needs no baseline.",
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Cases that failed before, which come first; what fails is kept there.",
)
@click.option(
    "--slowdown",
    type=click.FloatRange(min=1),
    metavar="FACTOR",
    help="Fail if a candidate becomes slower by more than that, against the reference.",
)
@click.option(
    "--mutants/--no-mutants",
    default=None,
    help="Count how many planted bugs are found.  [default: in the built-in models]",
)
@click.option(
    "--clip", multiple=True, metavar="SPEC", help="As in rnnverify verify, like all that follows."
)
@click.option("--dtype", multiple=True, metavar="D", help="float64 or float32.")
@click.option("--cases", type=int, metavar="N", help="[default: as in the baseline, or 200]")
@click.option("--seed", type=int, metavar="S", help="[default: as in the baseline, or 0]")
@held_to
@TO_JSON
@reported
@CACHED
@click.pass_context
def gate(context: click.Context, /, **given: Any) -> None:
    """Check that no gradient is worse than a baseline says.

    What is checked are the CANDIDATEs, or the checks in pyproject.toml, or the built-in models.
    A check fails if its verdict is no longer match; if its worst error grows tenfold, or a decimal
    digit is lost; if the check weakens: less is conclusive, a regime or an active clip is no longer
    covered, fewer mutants are killed. Of the options from --clip on, --cases, --seed and --mutants
    hold for all checks; the others, for what a check in pyproject.toml does not say itself.
    """
    own_process = context.obj == OWN_PROCESS
    if own_process:
        settle(cache=given["cache"])
    try:
        options = _options(given)
        told = supervise(partial(_ended, options.each)) if own_process else None
        sys.exit(_gate(options, told, own_process=own_process))
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _options(given: dict[str, Any]) -> GateOptions:
    """Return what a command line says.

    Raises:
        UsageError: if it does not go together, or a result could not be written.
    """
    own = {name: given.pop(name) for name in ("baseline", "update", "explore", "corpus")}
    own |= {name: given.pop(name) for name in ("slowdown", "mutants", "cases", "seed")}
    candidates = given.pop("candidate")
    each = Options(**given, candidate=None, cases=200, seed=0, case=None, text=None, save=None)
    if own["explore"] is None and own["baseline"] is None:
        message = (
            "--baseline: none is named; make one with: rnnverify gate --baseline gradients.json "
            "--update"
        )
        raise UsageError(message)
    if own["explore"] is not None and own["update"]:
        message = "--update: not with --explore, whose cases are others every time"
        raise UsageError(message)
    for path in ("baseline", "corpus"):
        own[path] = own[path] and own[path].absolute()
    if own["update"]:
        check_writable(str(own["baseline"]), "--baseline")
    return GateOptions(each=settled(each), candidates=candidates, **own)


def _gate(options: GateOptions, told: Told | None, *, own_process: bool) -> int:
    with kept_clean(options.each, own_process=own_process):
        before = baseline_of(options)
        checks = planned(options, before)
        if own_process:
            calm_collector()
        if options.explore is not None:
            nightly = explored(options, checks, told)
        else:
            outcome = judged(options, checks, before, told)
    if options.explore is not None:
        show_explored(options, nightly)
        return nightly.code
    _publish(options, outcome, before)
    if outcome.interrupted:
        click.echo(f"interrupted after {len(outcome.reports)} reports", err=True)
        return INTERRUPTED
    if outcome.is_invalid:
        if options.update:
            click.echo(
                f"{_shown(options.baseline)} is not written: a candidate is invalid", err=True
            )
        return 2
    if options.update:
        _update(options, outcome, before)
        return 0
    return 1 if outcome.regressions else 0


def _publish(options: GateOptions, outcome: Outcome, before: "Baseline") -> None:
    from rnnverify.gating.regressions import is_known

    values = {
        **document(outcome.reports),
        "kept": not (outcome.regressions or outcome.is_invalid or outcome.interrupted),
        "updated": options.update and not outcome.is_invalid and not outcome.interrupted,
        "regressions": [regression_values(each) for each in outcome.regressions],
        "notes": list(outcome.notes),
        "corpus": [asdict(each) for each in outcome.replayed],
        "versions": dict(outcome.now.versions),
        "baseline_versions": dict(before.versions),
        "mutants": {name: asdict(each) for name, each in outcome.now.mutants.items()},
        "times": {
            "seconds": outcome.seconds,
            "pace": {name: each.pace for name, each in outcome.now.checks.items()},
        },
    }
    each, standard = options.each, outcome.now if values["updated"] else before
    known = [report for report in outcome.reports if is_known(standard, report)]
    publish(
        each,
        values,
        outcome.reports,
        regressions=() if values["updated"] else outcome.regressions,
        known=known,
        notes=outcome.notes,
        seconds=outcome.seconds,
    )
    screen = console(stderr=takes_stdout(each))
    if outcome.reports:
        show(screen, outcome.reports, known=known)
    lines = [(f"note: {note}", "yellow") for note in outcome.notes]
    word = "ACCEPTED" if values["updated"] else "WORSE"
    lines += [(f"{word}  {each.check}: {each.text}", "red") for each in outcome.regressions]
    if not options.update:
        lines.append(_verdict(options, outcome, before))
    for line, style in lines:
        screen.print(line, style=style, soft_wrap=True, highlight=False, markup=False)


def _verdict(options: GateOptions, outcome: Outcome, before: "Baseline") -> tuple[str, str]:
    if outcome.is_invalid:
        return "a candidate is invalid", "red"
    if outcome.regressions:
        n, accept = len(outcome.regressions), "accept what is meant with --update"
        return f"{number(n, 'regression')} against {_shown(options.baseline)}; {accept}", "red"
    if outcome.interrupted:
        return "interrupted: not all was compared", "yellow"
    new = len(outcome.now.checks.keys() - before.checks.keys())
    known = number(len(outcome.now.checks) - new, "check")
    more = f", and {new} that it does not know" if new else ""
    return f"all is as good as in {_shown(options.baseline)} ({known}{more})", "green"


def _shown(path: Path | None) -> str:
    return "the baseline" if path is None else shown(str(path))


def _update(options: GateOptions, outcome: Outcome, before: "Baseline") -> None:
    """Write the baseline; what was not asked for, or not measured, stays as it is."""
    from rnnverify.gating.baseline_files import write_baseline
    from rnnverify.gating.baselines import Baseline

    now = outcome.now
    checks = {
        name: replace(entry, pace=entry.pace or before.checks[name].pace)
        if name in before.checks
        else entry
        for name, entry in now.checks.items()
    }
    if not options.whole:
        checks = {**before.checks, **checks}
    all_counted = options.whole and options.mutants is not False
    mutants = now.mutants if all_counted else {**before.mutants, **now.mutants}
    assert options.baseline is not None
    write_baseline(
        options.baseline, Baseline(checks=checks, mutants=mutants, versions=now.versions)
    )
    wrong = sum(f.verdict != "match" for each in checks.values() for f in each.clips.values())
    known = f"; {number(wrong, 'verdict')} in it no match, and to stay so" if wrong else ""
    n = number(len(checks), "check")
    click.echo(f"wrote {_shown(options.baseline)}: {n}{known}", err=True)


def _ended(options: Options, end: End) -> int:
    """Report on a run that was cut short."""
    before, report = report_of_end(end, options.timeout)
    values = document([report])
    empty: dict[str, Any] = {"regressions": [], "notes": [], "corpus": []}
    told = {**values, "kept": False, **empty, "reports": [*before, *values["reports"]]}
    publish(options, told, [report])
    show(console(stderr=takes_stdout(options)), [report])
    return 2
