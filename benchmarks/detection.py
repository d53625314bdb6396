"""Let other checkers see the catalogue's mutants in the cases that rnnverify sees: who finds what?

    python -m benchmarks.detection --markdown --json detection.json

Every checker is given the same cases, the same gradients with respect to the weights, and the right
loss. Cases come from rnnverify's generator, but with one of two losses: that of all steps, each
weighted 1 (in layers: the sum of the outputs), or that of the last step. Bugs in clipping, or of
sequences with lengths of their own, are left out: peers can say nothing about them. A peer that is
not installed is skipped.

A mutant is *killable* in a case if its gradient is off by more than rnnverify's tolerance there, so
that nobody is blamed for what the case cannot show. By that measure rnnverify misses only what it
calls inconclusive. So there is a second one, which has nothing to do with tolerances: an error is
*gross* if it is longer than a hundredth of the right gradient.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click
import numpy as np

from benchmarks import peers
from benchmarks.contests import drawn, problem, verdict_on
from benchmarks.machine import machine
from benchmarks.markdown_detection import tables
from benchmarks.peers import Peer, Problem
from rnnverify.builtin import CHAR_RNN, SYSTEMS, find_system
from rnnverify.mutants import CATALOGUE
from rnnverify.mutants.mutant import Mutant
from rnnverify.records import Candidate, Case

GROSS = 0.01
OURS = "rnnverify"
RIGHT = ""
"""What stands for the name of a mutant where there is none."""
ERRORS = [10.0**-digits for digits in range(1, 15)]
Rows = list[dict[str, Any]]


@click.command()
@click.option("--system", multiple=True, help="Only these.")
@click.option("--cases", "count", default=8, show_default=True, help="For each system and loss.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "target", default="-", show_default=True, help="Where the figures go.")
@click.option("--markdown", is_flag=True, help="Print README's tables; JSON goes to a file only.")
def main(system: tuple[str, ...], count: int, seed: int, target: str, *, markdown: bool) -> None:
    """Count what each checker finds, and how often it accuses what is right."""
    there = peers.installed()
    for name in peers.PEERS:
        if name not in there:
            say(f"{name}: not installed, and so skipped")
    rows = [row for name in system or SYSTEMS for row in detected(name, count, seed, there)]
    if CHAR_RNN.name in (system or SYSTEMS):
        rows += smallest_errors(count, seed, there)
    if target != "-" or not markdown:
        where = machine() | peers.versions(there)
        text = json.dumps({"format": 1, "machine": where, "rows": rows}, indent=1)
        with click.open_file(target, "w") as file:
            file.write(text + "\n")
    if markdown:
        print(tables(rows))


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


class Outcome(NamedTuple):
    """What one checker says of one gradient in one case.

    Attributes:
        checker: Its name.
        mutant: The name of the mutant; "" for the model as it should be.
        rejected: Whether the checker rejects the gradient.
        gross: Whether the gradient is off by more than a hundredth of its length.
        slower: How many times as long it takes as rnnverify, where the gradient is right.
    """

    checker: str
    mutant: str
    rejected: bool
    gross: bool = False
    slower: float = 1.0


def detected(name: str, count: int, seed: int, there: Mapping[str, Peer]) -> Rows:
    """Return a row for each loss and checker of one system."""
    mutants = [each for each in CATALOGUE[name] if each.clip == "none" and not each.lengths]
    say(f"{name}: {len(CATALOGUE[name]) - len(mutants)} of {len(CATALOGUE[name])} mutants left out")
    rows = []
    for loss, found in drawn(find_system(name), count, seed).items():
        outcomes: list[Outcome] = []
        for case in found:
            outcomes += outcomes_of_right(case, there)
            for mutant in mutants:
                outcomes += outcomes_of(mutant, case, there)
        for checker in (OURS, *there):
            mine = [each for each in outcomes if each.checker == checker]
            head = {"table": "detection", "system": name, "peer": checker, "loss": loss}
            rows.append(head | figures(mine) | {"mutants": len(mutants)})
            say(json.dumps(rows[-1]))
    return rows


def outcomes_of_right(case: Case, there: Mapping[str, Peer]) -> Iterator[Outcome]:
    """Let every checker see the right gradient, and time it."""
    model = find_system(case.system).gradients
    question = problem(case, model)
    seconds, failed = timed(lambda: verdict_on(case, model).failed)
    yield Outcome(OURS, RIGHT, failed)
    for name, peer in there.items():
        taken, rejected = timed(lambda peer=peer: rejects(peer, question))  # type: ignore[misc]
        yield Outcome(name, RIGHT, rejected, slower=taken / seconds)
        if rejected:
            made = [label for label in case.regimes if not label.startswith(("loss", "beyond"))]
            kind = verdict_on(case, model).kind
            say(f"false alarm: {name}, {dict(case.dims)}, {', '.join(made)}; {OURS}: {kind}")


def timed(call: Callable[[], bool]) -> tuple[float, bool]:
    """Return the seconds of a second call, for which all is compiled, and its result."""
    call()
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def outcomes_of(mutant: Mutant, case: Case, there: Mapping[str, Peer]) -> Iterator[Outcome]:
    """Let every checker see a mutant, if it is killable in the case.

    Each gets a mutant of its own, which knows nothing of calls by others.
    """
    verdict = verdict_on(case, mutant.fresh())
    if verdict.kind == "invalid":
        say(f"{mutant.name} is left out of a case, where it is no gradient: {verdict.message}")
    if all(each.kind == "match" for each in verdict.comparisons):
        return
    gross = is_gross(problem(case, mutant.fresh()), case)
    yield Outcome(OURS, mutant.name, verdict.failed, gross)
    for name, peer in there.items():
        rejected = rejects(peer, problem(case, mutant.fresh()))
        yield Outcome(name, mutant.name, rejected, gross)


def rejects(peer: Peer, question: Problem) -> bool:
    """Whether a peer rejects a gradient."""
    with np.errstate(all="ignore"):
        return not peer(question)


def is_gross(question: Problem, case: Case) -> bool:
    """Whether a gradient is off by more than a hundredth of the right one, which is not zero."""
    right = problem(case, find_system(case.system).gradients)
    got, want = (each.gradient_of_flat(each.flat) for each in (question, right))
    length = np.linalg.norm(want)
    return bool(length > 0 and not np.linalg.norm(got - want) <= GROSS * length)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of one checker, over all mutants of a system."""
    right = [each for each in outcomes if each.mutant == RIGHT]
    wrong = [each for each in outcomes if each.mutant != RIGHT]
    gross = [each for each in wrong if each.gross]
    return {
        "killed": sum(each.rejected for each in wrong),
        "killable": len(wrong),
        "mutants_killed": len({each.mutant for each in wrong if each.rejected}),
        "mutants_killable": len({each.mutant for each in wrong}),
        "gross_killed": sum(each.rejected for each in gross),
        "gross_killable": len(gross),
        "false_alarms": sum(each.rejected for each in right),
        "checks": len(right),
        "seconds_ratio": round(statistics.median(each.slower for each in right), 2),
    }


def smallest_errors(count: int, seed: int, there: Mapping[str, Peer]) -> Iterator[dict[str, Any]]:
    """Give for each loss and checker the smallest relative error in dWhh that it finds.

    That is one found in at least half of the cases in which dWhh is not zero, and in which the
    checker accepts what is right.
    """
    for loss, found in drawn(CHAR_RNN, count, seed).items():
        shown = [case for case in found if np.any(CHAR_RNN.gradients(case)["Whh"])]
        for checker in (OURS, *there):
            rejected = rejection_by(checker, there)
            fair = [case for case in shown if not rejected(case, CHAR_RNN.gradients)]
            seen = [e for e in ERRORS if sees_half(rejected, fair, e)]
            head = {"table": "smallest_error", "system": CHAR_RNN.name, "peer": checker}
            smallest = min(seen, default=None)
            yield head | {"loss": loss, "smallest": smallest, "checks": len(fair)}
            say(f"{checker}, {loss}: {smallest}")


Rejection = Callable[[Case, Candidate], bool]


def rejection_by(checker: str, there: Mapping[str, Peer]) -> Rejection:
    """Return what says whether a checker rejects a candidate in a case."""
    if checker == OURS:
        return lambda case, candidate: verdict_on(case, candidate).failed
    return lambda case, candidate: rejects(there[checker], problem(case, candidate))


def sees_half(rejected: Rejection, fair: Sequence[Case], error: float) -> bool:
    """Whether an error in dWhh is found in at least half of the cases."""
    return len(fair) > 0 and 2 * sum(rejected(case, off_by(error)) for case in fair) >= len(fair)


def off_by(error: float) -> Candidate:
    """Return char_rnn with a relative error in dWhh."""

    def candidate(case: Case) -> dict[str, Any]:
        got = CHAR_RNN.gradients(case)
        return {**got, "Whh": got["Whh"] * (1 + error)}

    return candidate


if __name__ == "__main__":
    main()
