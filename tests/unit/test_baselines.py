"""Baselines: a file that is easy to review, and refused where it is none."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rnnverify.errors import UsageError
from rnnverify.gating.baseline_files import read_baseline, write_baseline
from rnnverify.gating.baselines import (
    Baseline,
    Entry,
    Figures,
    Gradient,
    Kills,
    check_of,
    entries_of,
    versions,
)
from rnnverify.results import GradientSummary, Report
from rnnverify.runs import make_run

FIGURES = Figures(
    verdict="match",
    conclusive=99.5,
    active=40.0,
    gradients={
        "Whh": Gradient(worst=0.12, agree=15.2, conclusive=98.0),
        "bh": Gradient(worst=None, agree=None, conclusive=None),
    },
)
ENTRY = Entry(
    cases=50,
    seed=3,
    regimes=("T = 1", "weights: rounded", "weights: tiny"),
    clips={"none": FIGURES, "value:5": replace(FIGURES, verdict="inaccurate")},
    pace=1.5,
)
BASELINE = Baseline(
    checks={"b": ENTRY, "a": replace(ENTRY, pace=None)},
    mutants={"char_rnn": Kills(killed=38, of=39, survived=("late",))},
    versions={"python": "3.11", "numpy": "2"},
)
REPORT = Report(
    system="char_rnn",
    candidate="my_rnn.py:gradients",
    input="generated",
    clip="value",
    dtype="float64",
    seed=0,
    cases=10,
    verdict="match",
    counts={"match": 6, "zero": 2, "inconclusive": 2},
    clip_active=0.5,
    regimes={"T = 1": 3},
    gradients={
        "Whh": GradientSummary(
            worst=0.1234, digits=15.0, agree=15.26, conclusive=5, nonzero=8, differ=0
        )
    },
)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whatever it holds."""
    write_baseline(tmp_path / "b.json", BASELINE)

    assert read_baseline(tmp_path / "b.json") == BASELINE


def test_its_text_is_stable_and_has_a_line_for_each_gradient(tmp_path: Path) -> None:
    """Whatever the order, the same bytes; a change of one figure changes one line."""
    shuffled = replace(BASELINE, checks=dict(reversed(list(BASELINE.checks.items()))))
    worse = replace(FIGURES.gradients["Whh"], worst=0.13)
    clips = {**ENTRY.clips, "none": replace(FIGURES, gradients={**FIGURES.gradients, "Whh": worse})}
    changed = replace(BASELINE, checks={**BASELINE.checks, "b": replace(ENTRY, clips=clips)})
    texts = []
    for made in (BASELINE, shuffled, changed):
        write_baseline(tmp_path / "b.json", made)
        texts.append((tmp_path / "b.json").read_text())

    first, again, other = texts
    assert first == again
    differ = [b for a, b in zip(first.splitlines(), other.splitlines(), strict=True) if a != b]
    assert [line.strip() for line in differ] == [
        '"Whh": {"worst": 0.13, "agree": 15.2, "conclusive": 98.0},'
    ]
    assert first.index('"a"') < first.index('"b"')


def test_figures_are_those_of_the_report() -> None:
    """Shares are of the cases in which something can be told; figures are rounded."""
    (entry,) = entries_of([REPORT]).values()
    figures = entry.clips["value"]

    assert (entry.cases, entry.seed, entry.regimes) == (10, 0, ("T = 1",))
    assert (figures.conclusive, figures.active) == (75.0, 50.0)
    assert figures.gradients["Whh"] == Gradient(worst=0.12, agree=15.3, conclusive=62.5)


def test_clips_of_one_check_stand_together_and_none_stands_twice() -> None:
    """A check that is made twice is an error that names it."""
    entries = entries_of([REPORT, replace(REPORT, clip="none")])

    assert [list(entry.clips) for entry in entries.values()] == [["value", "none"]]
    with pytest.raises(UsageError, match=r"my_rnn\.py:gradients char_rnn float64 is checked twice"):
        entries_of([REPORT, REPORT])


def test_a_run_is_the_check_that_its_reports_are() -> None:
    """Nothing that changes what is checked is left out, and the seed is."""
    run = make_run(
        lambda _case: {},
        "elman",
        name="x",
        clips=["none"],
        dtype="float32",
        cases=5,
        seed=1,
        lengths=True,
        scale="1/T",
    )
    report = replace(
        REPORT,
        candidate="x",
        system="elman",
        dtype="float32",
        lengths=True,
        options=run.options,
    )

    assert check_of(run) == check_of(report) == "x elman float32 lengths=True scale=1/T"
    assert check_of(REPORT) == "my_rnn.py:gradients char_rnn float64"
    assert check_of(replace(REPORT, input="text", truncate="5")).endswith("text truncate=5")


def test_the_versions_that_matter_are_recorded() -> None:
    """Python's, NumPy's, JAX's, Hypothesis' and ours."""
    assert set(versions()) == {"python", "numpy", "jax", "hypothesis", "rnnverify"}


GOOD = '{"kind": "rnnverify baseline", "format": 1, "versions": {}, "checks": {}, "mutants": {}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file"),
        ("", "no JSON, or was damaged"),
        (GOOD[:-1], "no JSON, or was damaged"),
        (f"<<<<<<< HEAD\n{GOOD}", "by a merge"),
        ("[" * 100_000, "no JSON, or was damaged"),
        ("[]", "no baseline of rnnverify's"),
        ('{"name": "package.json"}', "no baseline of rnnverify's"),
        (GOOD.replace("1", "2"), "has format 2; this version reads 1"),
        (GOOD.replace('"checks": {}', '"checks": {"x": {}}'), "is damaged: KeyError"),
        (GOOD.replace('"checks": {}', '"checks": 3'), "is damaged: AttributeError"),
        (GOOD.replace('"mutants": {}', '"mutants": {"x": {"killed": "many"}}'), "is damaged"),
    ],
)
def test_what_is_no_baseline_is_refused_with_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, said: str
) -> None:
    """It names the file, from here on, and what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("b.json").write_text(text)

    with pytest.raises(UsageError, match=said) as caught:
        read_baseline(tmp_path / "b.json")

    assert "--baseline b.json --update" in str(caught.value)
    assert "b.json" in str(caught.value).split(" ", 2)[2]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, and bytes that are no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path, tmp_path / "binary"):
        with pytest.raises(UsageError, match="cannot read"):
            read_baseline(path)


def test_a_verdict_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """As all that is of the right form, and says something else."""
    write_baseline(tmp_path / "b.json", BASELINE)
    text = (tmp_path / "b.json").read_text()
    (tmp_path / "b.json").write_text(text.replace('"inaccurate"', '"fine"'))

    with pytest.raises(UsageError, match="is damaged"):
        read_baseline(tmp_path / "b.json")


def test_a_baseline_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """It names the file; what was there stays."""
    with pytest.raises(UsageError, match="cannot write"):
        write_baseline(tmp_path / "nowhere" / "b.json", BASELINE)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    """Anybody can read it."""
    write_baseline(tmp_path / "b.json", BASELINE)
    read = json.loads((tmp_path / "b.json").read_text())

    assert read["checks"]["a"]["regimes"] == {"sizes": ["T = 1"], "weights": ["rounded", "tiny"]}
