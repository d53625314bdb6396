"""The HTML page: what it says and shows, what it makes of odd text, and that it stays the same."""

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnnverify.axes import cotangents, loss_weights, reals, strictly_lower, tokens
from rnnverify.errors import UsageError
from rnnverify.regimes import TABLES
from rnnverify.reports.html import html
from rnnverify.results import Detail, Failure, Report
from rnnverify.systems import System
from tests.made_reports import (
    DIAGNOSIS,
    REGRESSION,
    failure,
    inconclusive,
    invalid,
    matching,
    summarised,
    wrong,
)
from tests.pages import Page

mpl: Any = pytest.importorskip("matplotlib", reason="needs rnnverify[html]")
pytest.importorskip("jinja2", reason="needs rnnverify[html]")

HOSTILE = "<script>alert('$1_2$')</script>&\x07\ud800"
CHAR_RNN = System(
    name="mine",
    weights={"Wxh": "H V", "Whh": "H H", "Why": "V H", "bh": "H", "by": "V"},
    state={"h0": "H"},
    inputs={
        "inputs": tokens("T", below="V"),
        "targets": tokens("T", below="V"),
        "loss_weights": loss_weights("T"),
    },
    step=lambda *_: None,
)
LAYER = System(
    name="layer",
    weights={"Wx": "D 4 H", "Wh": "H 4 H", "b": "4 H"},
    state={"h0": "B H"},
    inputs={"x": "T B D", "G": cotangents("T B H"), "G_cT": cotangents("B H")},
    step=lambda *_: None,
)
MACHINE = System(
    name="machine",
    weights={"W": "H V", "U": strictly_lower("H H"), "b_v": "V", "b_init": "H"},
    inputs={"v": reals("T V"), "loss_weights": loss_weights("T")},
    step=lambda *_: None,
)
ADDER = System(
    name="adder",
    weights={"S1": "H K", "S0": "D H", "Sh": "H H"},
    state={"l1": "H"},
    inputs={"x": "T D", "y": "T K", "loss_weights": loss_weights("T")},
    step=lambda *_: None,
)


def detail(errors: Any = ((0.0, 0.12), (0.01, math.nan)), **changes: Any) -> Detail:
    """Return a gradient's details."""
    made: dict[str, Any] = {
        "errors": np.array(errors),
        "digits": ((13.0, 15.0), (12.0, 14.0)),
        "steps": (0.01, math.nan, 0.1),
    }
    return Detail(**made | changes)


def detailed(**changes: Any) -> Report:
    """Return a report that matches, with what pictures show."""
    return matching(details={name: detail() for name in ("Wxh", "Whh", "by")}, **changes)


def failing(system: System = CHAR_RNN, *names: str, T: int = 3, **changes: Any) -> Failure:
    """Return a failure with a case of a system."""
    dims = dict.fromkeys(system.dims, 2) | {"T": T}
    arrays = {
        name: np.zeros(axes.shape(dims), int if axes.values == "tokens" else float)
        for name, axes in system.arrays.items()
    }
    made = failure(*names, **changes)
    return replace(made, verdict=replace(made.verdict, case=system.case(arrays)))


def page_of(*reports: Report, **options: Any) -> Page:
    """Return a page of reports, read."""
    return Page(html(reports, **options))


def hostile() -> list[Report]:
    """Return reports in which all text that may be a user's is hostile."""
    told = failure(HOSTILE, since=HOSTILE, diagnosis=DIAGNOSIS, message=HOSTILE)
    report = wrong(
        system=HOSTILE,
        candidate=HOSTILE,
        notes=(HOSTILE,),
        hints=(HOSTILE,),
        unchecked=(HOSTILE,),
        options={HOSTILE: HOSTILE},
        regimes={f"{HOSTILE}: {HOSTILE}": 3},
        gradients={HOSTILE: summarised()},
        details={HOSTILE: detail()},
        failure=told,
    )
    return [report, invalid(HOSTILE, traceback=HOSTILE)]


def test_text_of_others_stays_text() -> None:
    """Tags in names, messages and tracebacks are shown, and are none; the title's, too."""
    page = page_of(*hostile(), title=HOSTILE)

    assert "script" not in page.tags
    assert page.text.count("<script>alert('$1_2$')</script>") > 15


def test_a_tag_that_is_not_escaped_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without escaping, that test fails."""
    from rnnverify.reports.html import page  # noqa: PLC0415 - needs what may be missing

    made = page._environment
    monkeypatch.setattr(page, "_environment", lambda: made().overlay(autoescape=False))

    assert "script" in page_of(*hostile()).tags


def test_the_page_can_be_encoded() -> None:
    """Control characters and lone surrogates are spelt out, as everywhere."""
    text = html(hostile())

    assert r"&amp;\x07\ud800" in text
    assert "\x07" not in text.encode().decode()


def test_the_same_reports_give_the_same_page() -> None:
    """No date, no random id; not even where matplotlib is set up in another way."""
    report = detailed(failure=failing())
    once = html([report, wrong()])

    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "text.usetex": True}):
        before = dict(mpl.rcParams)
        again = html([report, wrong()])

        assert dict(mpl.rcParams) == before
    assert once == again


def test_nothing_comes_from_elsewhere() -> None:
    """There is no address but places on the page and data, and browsers are told to take none."""
    page = page_of(detailed(), wrong(), regressions=[REGRESSION])

    assert all(target.startswith(("#", "data:")) for target in page.targets)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page.policies
    assert len(page.ids) == len(set(page.ids))
    assert {target[1:] for target in page.targets if target[0] == "#"} <= set(page.ids)


def test_what_comes_from_elsewhere_would_be_seen() -> None:
    """Addresses are read from whatever element they stand in."""
    found = Page("<link href='a.css'><img src='b.png'><svg><image xlink:href='c.png'/></svg>")

    assert found.targets == ["a.css", "b.png", "c.png"]


def test_every_picture_says_what_is_to_be_seen() -> None:
    """The text alternatives have the figures."""
    page = page_of(detailed(regimes={"state: zero": 8}, failure=failing(CHAR_RNN, step=1)))

    assert all(page.alternatives)
    assert len(page.alternatives) == page.tags.count("svg")
    told = "\n".join(page.alternatives)
    assert "worst error 0.12 tolerances, at dWhh[0, 1]; 1 of 4 entries in no case" in told
    assert "the loss of no step alone, of 3, shows an error above 0.1 tolerances" in told
    assert "dWhh 14.5 of 12.5" in told
    assert "Regimes of state, in 8 cases: zero in 8. 1 of 2 covered; never: random" in told
    assert "dWhh wrong; dWxh, dby right; the loss of step 1 alone shows it" in told


def test_the_worst_entry_is_told() -> None:
    """Beyond the tolerance, not finite, in no case: each is told as such."""
    page = page_of(
        matching(
            details={
                "kept": detail([0.5, 1.0]),
                "off": detail([0.5, 3e9]),
                "lost": detail([[math.inf], [0.1]]),
                "empty": detail([math.nan]),
                "number": detail(0.25),
            }
        )
    )
    told = "\n".join(page.alternatives)

    assert "dkept, 2: worst error 1 tolerances, at dkept[1]" in told
    assert "doff, 2: worst error 3e+09 tolerances, at doff[1]; 1 of 2 entries beyond" in told
    assert "dlost, 2 × 1: worst error not finite, at dlost[0, 0]" in told
    assert "dempty, 1: no entry in any case" in told
    assert "dnumber, a number: worst error 0.25 tolerances, at dnumber" in told


def test_colours_change_at_the_tolerance() -> None:
    """Up to 1 they are blue, beyond it warm; grey and black stand for what has no figure."""
    from rnnverify.reports.html.colours import colours_of  # noqa: PLC0415 - see above

    kept = colours_of(np.array([0, 1e-9, 1e-3, 0.1, 1.0])).astype(int)
    beyond = colours_of(np.array([1.0000001, 2, 1e6, 1e300])).astype(int)
    (grey, black) = colours_of(np.array([math.nan, math.inf])).tolist()

    assert np.all(kept[:, 2] > kept[:, 0])
    assert np.all(beyond[:, 0] > beyond[:, 2])
    assert np.abs(kept[-1] - beyond[0]).max() > 150
    assert len(set(grey)) == len(set(black)) == 1
    assert grey > black


def test_axes_of_arrays_are_named() -> None:
    """An array of three axes lies flat, its first axis downwards; the case knows the names."""
    report = wrong(details={"x": detail(np.zeros((3, 2, 2)))}, failure=failing(LAYER, "x"))

    assert any("dx, T × B·D: " in told for told in page_of(report).alternatives)


def test_large_arrays_are_shown_small() -> None:
    """The page stays small however much there is to show, and the worst entry is not lost."""
    errors = np.full((1000, 700), 0.1)
    errors[777, 333] = 5.0
    random = np.random.default_rng(0)
    made = detail(errors, digits=tuple(random.uniform(0, 16, (5000, 2))), steps=(0.1,) * 3000)
    text = html([matching(details={"Whh": made})])

    assert "each square the largest of 10×7" in text
    assert "worst error 5 tolerances, at dWhh[777, 333]" in text
    assert len(text) < 120_000


def test_pooling_keeps_the_largest() -> None:
    """Each square has the largest error of its entries, and is empty only if all are."""
    from rnnverify.reports.html.heatmaps import _pooled  # noqa: PLC0415 - see above

    errors = np.array([[1.0, math.nan, math.nan], [math.inf, 2.0, math.nan], [3.0, 0.0, 4.0]])

    np.testing.assert_equal(_pooled(errors, 2, 2), [[math.inf, math.nan], [3.0, 4.0]])


def test_steps_are_told_in_words() -> None:
    """The steps whose loss alone is wrong are named; runs of them from-to."""
    steps = (9.0, 0.1, 9.0, 9.0, math.inf, math.nan)
    page = page_of(matching(details={"Whh": detail(steps=steps), "by": detail(steps=(0.1,))}))

    assert "dWhh is wrong by the loss of steps 0, 2 to 4 alone" in page.text
    assert "dby is wrong" not in page.text


def test_cases_with_too_few_digits_are_counted() -> None:
    """Fewer digits than a case allows lie below the diagonal."""
    page = page_of(
        matching(details={"Whh": detail(digits=((13.0, 2.0), (12.0, 15.0), (11.0, 14.0)))})
    )

    assert "dWhh 14.0 of 12.0 (1 of 3 cases below the diagonal)" in page.text


def test_regimes_are_shown_once_a_run() -> None:
    """Clips share their cases; other runs have their own."""
    covered = {"weights: scaled": 8, "T = 1": 2}
    clips = [matching(clip=clip, regimes=covered) for clip in ("none", "value")]
    page = page_of(*clips, matching(dtype="float32", regimes=covered))
    told = [each for each in page.alternatives if each.startswith("Regimes of weights")]

    assert len(told) == 2
    never = [name for name in TABLES["weights"] if name != "scaled"]
    assert told[0].endswith(f"1 of {len(never) + 1} covered; never: {', '.join(never)}")
    assert any("Regimes of sizes, in 8 cases: T = 1 in 2" in each for each in page.alternatives)


@pytest.mark.parametrize(
    ("system", "start", "into", "along", "out"),
    [
        (CHAR_RNN, "h0", "Wxh bh", "Whh", "Why by"),
        (LAYER, "h0", "Wx b", "Wh", ""),
        (MACHINE, "b_init", "W", "U", "b_v"),
        (ADDER, "l1", "S0", "Sh", "S1"),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_weights_lie_where_they_are_at_work(
    system: System, start: str, into: str, along: str, out: str
) -> None:
    """Axes tell what leads into the state, from state to state, and out of it."""
    from rnnverify.reports.html.networks import network_of  # noqa: PLC0415 - see above

    network = network_of(failing(system).verdict.case, [])

    assert " ".join(network.start) == start
    assert " ".join(network.into) == into
    assert " ".join(network.along) == along
    assert " ".join(network.out) == out


def test_the_failing_case_is_drawn() -> None:
    """Gradients are marked by signs beside colours, and the steps whose loss alone shows it."""
    report = wrong(
        details={"Whh": detail(steps=(0.1, 9.0, math.nan))},
        failure=failing(step=1, since="first differs at step T-2"),
    )
    page = page_of(report)

    assert page.drawn.count("Whh ✗") == page.drawn.count("Wxh ✓") == 3
    assert "Whh ✓" not in page.drawn
    assert [each for each in page.drawn if each.startswith("loss ")] == [
        *("loss 0 ✓", "loss reads targets"),
        *("loss 1 ✗", "loss reads targets"),
        *("loss 2", "loss reads targets"),
    ]
    assert "Going backwards in time: first differs at step T-2." in page.text


def test_long_cases_are_drawn_in_part() -> None:
    """Of many steps the first, the last, and those around the failing one are drawn."""
    page = page_of(wrong(failure=failing(T=50, step=20)))
    steps = [each for each in page.drawn if each.startswith("t=") or each == "⋯"]

    assert steps == ["t=0", "t=1", "⋯", "t=19", "t=20", "t=21", "⋯", "t=48", "t=49"]


def test_a_case_of_an_unknown_system_is_drawn() -> None:
    """Where nothing but names is known, all that has a gradient stands on the arrows."""
    page = page_of(wrong("by"))

    assert page.drawn.count("by ✗") == 2


def test_what_is_wrong_comes_first() -> None:
    """Regressions, then failures, which are open; what matches is folded."""
    text = html(
        [matching(candidate="kept.py:f"), wrong(failure=failure(diagnosis=DIAGNOSIS))],
        [REGRESSION],
    )
    body = text[text.index("<main>") :]
    order = ["the worst error was 0.1", "All runs", "No match", "recurrence_not_transposed"]
    found = [body.index(each) for each in [*order, 'id="report-2"', "<details>", 'id="report-1"']]

    assert sorted(found[:3]) == found[:3]
    assert found[2] < found[4] < found[3] < found[5] < found[6]
    assert "rnnverify verify my_rnn.py:gradients --system char_rnn --case 2" in body
    assert "1 of 2 runs is no match (16 checks); 1 regression." in Page(text).text


def test_known_failures_are_shown_apart() -> None:
    """They are folded under a heading of their own, and all is well; not so where one is new."""
    known, new = wrong(candidate="old.py:f"), wrong(candidate="new.py:f")
    kept = html([known, matching()], known=[known])
    lost = html([known, new], known=[known])

    assert 'class="lead good"' in kept
    assert "✓\n1 known failure, no other (2 runs, 16 checks)." in Page(kept).text
    assert "Known failures, as in the baseline" in kept
    assert "No match" not in kept
    assert "wrong, known" in Page(kept).text
    assert 'class="badge unsure"' in kept
    assert 'class="badge wrong"' not in kept
    assert kept.index("<details>") < kept.index('id="report-1"')
    assert 'class="lead bad"' in lost
    assert "1 of 2 runs is no match; 1 known failure (16 checks)." in Page(lost).text
    assert lost.index("No match") < lost.index('id="report-2"') < lost.index('id="report-1"')


def test_a_known_failure_beside_a_new_one_is_folded() -> None:
    """Of one run, what is new comes first, and is open; what is known is a click away."""
    known, new = wrong(), wrong(clip="norm")
    text = html([known, new], known=[known])

    assert "Known failures" not in text
    assert text.index('id="report-2"') < text.index("<details>") < text.index('id="report-1"')


@pytest.mark.parametrize(("n", "is_open"), [(1, True), (10, True), (11, False)])
def test_the_gates_notes_are_listed(n: int, *, is_open: bool) -> None:
    """A few are shown, many are a click away; they are text."""
    text = html([], notes=[f"{HOSTILE}{i}" for i in range(n)])

    assert f"<script>alert('$1_2$')</script>&\\x07\\ud800{n - 1}" in Page(text).text
    assert ("<details open>" in text) == is_open
    assert '<h2 id="notes">' not in html([])


def test_options_are_told_where_they_are_not_the_same() -> None:
    """In a column of their own; where they are the same there is none."""
    scaled = matching(options={"scale": "1/T"})

    assert "<td>scale=1/T</td>" in html([matching(), scaled])
    assert ">held to</th>" not in html([scaled, scaled])


@pytest.mark.parametrize(
    "make", [invalid, inconclusive, matching, wrong], ids=lambda make: make.__name__
)
def test_reports_without_details_are_shown(make: Callable[[], Report]) -> None:
    """Whatever a run found out, and however little it kept."""
    report = make()
    text = page_of(report).text

    assert report.verdict in text
    assert report.failure is None or report.failure.message in text


def test_nothing_at_all_is_shown() -> None:
    """A page of no reports says so."""
    assert "Nothing was verified." in page_of().text


def test_progress_is_told_of() -> None:
    """Once a report."""
    drawn: list[None] = []
    html([matching(), wrong()], drawn=lambda: drawn.append(None))

    assert len(drawn) == 2


def forget(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Let a library be missing, as if nothing had been imported yet."""
    for name in [name for name in sys.modules if name.startswith("rnnverify.reports.html.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_a_missing_library_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to install it."""
    forget(monkeypatch, library)

    with pytest.raises(UsageError, match=r"--html: needs .* pip install 'rnnverify\[html\]'"):
        html([])


def test_any_other_missing_module_is_our_own_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not blamed on the libraries."""
    forget(monkeypatch, "rnnverify.regimes")

    with pytest.raises(ModuleNotFoundError, match=r"rnnverify\.regimes"):
        html([])
