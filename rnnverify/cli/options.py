"""Options that several commands share: what a candidate is held to, and where results go."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import click

from rnnverify.terms import TIMEOUT

TO_JSON = click.option(
    "--json", "target", metavar="PATH|-", help="Write JSON there; - is standard output."
)
_REPORTED = (
    click.option("--junit", metavar="PATH|-", help="Write JUnit XML there."),
    click.option(
        "--markdown",
        metavar="PATH|-",
        help='Write Markdown there, as for GitHub: "$GITHUB_STEP_SUMMARY".',
    ),
    click.option("--html", metavar="PATH|-", help="Write a page with pictures there."),
    click.option(
        "--annotate/--no-annotate",
        default=None,
        help="Print GitHub annotations at the candidate's lines.  [default: in GitHub Actions]",
    ),
)
CACHED = click.option(
    "--cache/--no-cache",
    default=True,
    help="Keep compiled references for the next run.",
    show_default=True,
)
_HELD_TO = (
    click.option(
        "--truncate",
        metavar="K|chunks:K",
        help="Losses go back K steps only (1: within the step), or to the start of a chunk of K.",
    ),
    click.option("--lengths", is_flag=True, help="Sequences in a batch have lengths of their own."),
    click.option(
        "--gradients",
        multiple=True,
        metavar="NAMES",
        help="The candidate returns the gradients of these arrays only: Wxh,Whh,bh.",
    ),
    click.option(
        "--dims",
        multiple=True,
        metavar="AXIS=N|N..M",
        help="Sizes of axes, for code that has them built in: H=32,T=1..8.",
    ),
    click.option(
        "--set",
        "fixed",
        multiple=True,
        metavar="ARRAY=NUMBER",
        help="Hold an array at a number, for code that lacks it: h0=0, loss_weights=1.",
    ),
    click.option(
        "--scale",
        default="1",
        metavar="FACTOR",
        help="A factor that all gradients are wanted to have: -1, 1/T, 2/(T*B).",
    ),
    click.option(
        "--clip-over",
        multiple=True,
        metavar="NAMES",
        help="The arrays whose gradients are clipped.  [default: the weights]",
    ),
    click.option(
        "--digits",
        type=float,
        metavar="N",
        help="How many decimal digits are enough.  [default: as many as rounding leaves]",
    ),
    click.option(
        "--timeout",
        type=float,
        default=TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="How long one call of the candidate may take.",
    ),
)


def held_to(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what a candidate is held to."""
    return _with(_HELD_TO, command)


def reported(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where reports go, besides JSON."""
    return _with(_REPORTED, command)


def _with(options: Sequence[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
