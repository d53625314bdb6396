"""Requests: what a command line asks for, as runs."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rnnverify.cli.loading import load_candidate, load_system
from rnnverify.errors import UsageError
from rnnverify.records import CLIP_KINDS, DTYPES, Candidate, Clip, Truncation
from rnnverify.terms import TIMEOUT, make_terms

if TYPE_CHECKING:
    from rnnverify.runs import Run
    from rnnverify.sources import Source, Text
    from rnnverify.systems import System


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a command line says, of one candidate or of the built-in models.

    ``name`` is what reports call the candidate, if not by what it is loaded from.
    """

    candidate: str | None
    system: tuple[str, ...]
    clip: tuple[str, ...]
    dtype: tuple[str, ...]
    cases: int
    seed: int
    case: int | None
    text: Path | None
    truncate: str | None
    lengths: bool
    gradients: tuple[str, ...]
    scale: str
    dims: tuple[str, ...]
    fixed: tuple[str, ...]
    clip_over: tuple[str, ...]
    digits: float | None
    timeout: float
    save: Path | None
    target: str | None
    cache: bool
    junit: str | None = None
    markdown: str | None = None
    html: str | None = None
    annotate: bool | None = None
    name: str | None = None


def requested(options: Options) -> list["Run"]:
    """Return what a command line asks for, one run a system, dtype and source."""
    from rnnverify.builtin import SYSTEMS
    from rnnverify.runs import make_run
    from rnnverify.sources import read_text, takes_text

    own = options.candidate is not None
    if own and len(options.system) != 1:
        given = ", ".join(options.system) or "none"
        message = f"--system: a candidate needs one, but got {given}; known: {', '.join(SYSTEMS)}"
        raise UsageError(message)
    truncation = Truncation.parse(options.truncate)
    named = {load_system(name): name for name in options.system}
    systems = list(named) or _all_systems(options)
    text = read_text(options.text) if options.text else None
    if text is not None and not any(takes_text(system) for system in systems):
        message = f"--text: {systems[0].name} reads no text; systems that do: char_rnn"
        raise UsageError(message)
    loaded = load_candidate(options.candidate) if options.candidate else None
    return [
        make_run(
            loaded or _model(system, truncation),
            system,
            name=options.name or options.candidate or _name(_model(system, truncation)),
            clips=options.clip or (("none",) if own else CLIP_KINDS),
            dtype=dtype,
            cases=options.cases,
            seed=options.seed,
            case=options.case,
            source=source,
            lengths=options.lengths,
            truncate=truncation,
            dims=_pairs("--dims", "H=32", options.dims),
            fixed={n: _number(n, v) for n, v in _pairs("--set", "h0=0", options.fixed).items()},
            clip_over=options.clip_over or None,
            gradients=options.gradients or None,
            scale=options.scale,
            digits=options.digits,
            timeout=_timeout(options, system),
            save=options.save,
            detailed=options.html is not None,
            replay=partial(
                _replay,
                replace(options, system=(named.get(system, system.name),), dtype=(dtype,)),
            ),
        )
        for system in systems
        for dtype in dict.fromkeys(options.dtype or (("float64",) if own else DTYPES))
        for source in _sources(system, text, own=own)
    ]


def _all_systems(options: Options) -> list["System"]:
    """Return the systems whose models can do what is asked for."""
    from rnnverify.builtin import SYSTEMS

    return [
        system
        for system in SYSTEMS.values()
        if (system.truncated_gradients or not options.truncate)
        and ("B" in system.dims or not options.lengths)
    ]


def _model(system: "System", truncation: Truncation | None) -> Candidate:
    """Return the built-in model of a system.

    Raises:
        UsageError: if there is none that truncates.
    """
    from rnnverify.systems import no_model

    model = system.gradients if truncation is None else system.truncated_gradients
    if model in (None, no_model):
        which = "model" if truncation is None else "model that truncates"
        message = f"--system: {system.name} has no {which} of ours; name a candidate"
        raise UsageError(message)
    assert model is not None
    return model


def _timeout(options: Options, system: "System") -> float | None:
    """Return how long a call may take; ours come back, and need no thread that could be left.

    Raises:
        UsageError: if what is asked for makes no sense.
    """
    from rnnverify.builtin import SYSTEMS

    asked = make_terms(timeout=options.timeout).timeout
    is_ours = options.candidate is None and SYSTEMS.get(system.name) is system
    return None if is_ours else asked


def _name(model: Candidate) -> str:
    """Return where a built-in model is, as a candidate is named on the command line."""
    return f"{model.__module__}:{getattr(model, '__name__', model)}"


def _sources(system: "System", text: "Text | None", *, own: bool) -> list["Source"]:
    """Return where sequences come from; a candidate sees real input only if it is asked for."""
    from rnnverify.sources import Generated, real_source

    real = None if own and text is None else real_source(system, text)
    return [Generated()] if real is None else [Generated(), real]


def _pairs(option: str, example: str, given: Sequence[str]) -> dict[str, str]:
    """Read what is given as NAME=VALUE, several with commas between.

    Raises:
        UsageError: if it is not of that form.
    """
    pairs = [each.strip().partition("=") for text in given for each in text.split(",")]
    for name, equals, value in pairs:
        if not (name and equals and value):
            text = name + equals + value
            message = f"{option}: {text!r} is not of the form NAME=VALUE, as {example} is"
            raise UsageError(message)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        message = f"--set: {name}={text} holds no number; write {name}=0, say"
        raise UsageError(message) from None
    return int(number) if number.is_integer() else number


def _replay(
    options: Options, run: "Run", clip: Clip, saved: Path | None, number: int | None
) -> str:
    """Return the command line that shows a failure of one system and dtype again."""
    (system,), (dtype,) = options.system, options.dtype
    words = ["rnnverify", "verify" if saved is None else "replay"]
    words += [str(saved)] if saved is not None else []
    words += [options.candidate] if options.candidate else []
    if saved is not None:
        return shlex.join([*words, *(["--system", system] if ":" in system else [])])
    words += ["--system", system, "--clip", str(clip), "--dtype", dtype]
    words += ["--cases", str(run.cases), "--seed", str(run.seed)]
    words += ["--case", str(number)] if number is not None else []
    words += ["--text", str(options.text)] if options.text else []
    words += ["--truncate", options.truncate] if options.truncate else []
    words += ["--lengths"] if options.lengths else []
    for option, values in (
        ("--gradients", options.gradients),
        ("--dims", options.dims),
        ("--set", options.fixed),
        ("--clip-over", options.clip_over),
    ):
        words += [f"{option}={value}" for value in values]
    words += [f"--scale={options.scale}"] if options.scale != "1" else []
    words += [f"--digits={options.digits:g}"] if options.digits is not None else []
    words += [f"--timeout={options.timeout:g}"] if options.timeout != TIMEOUT else []
    return shlex.join(words)
