"""verify: reports that count honestly, and a failure that can be read."""

import dataclasses
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis.configuration import storage_directory

import rnnverify
from rnnverify.builtin import CHAR_RNN
from rnnverify.errors import UsageError
from rnnverify.locating import first_wrong_step
from rnnverify.models import char_rnn, lstm
from rnnverify.records import Array, Case, Clip
from rnnverify.runner import execute
from rnnverify.runs import Run
from rnnverify.shapes import largest_in_each
from rnnverify.tallying import Tally
from rnnverify.verdicts import Comparison, Verdict
from tests.support import char_rnn_case, edited, mended


def no_carry(case: Case) -> dict[str, Array]:
    """Drop dhnext: what char_rnn gives when gradients do not flow back in time."""
    h = char_rnn.forward(case)
    _, dy = char_rnn.output(case, h[1:])
    dhraw = (1 - h[1:] ** 2) * (dy @ case["Why"])
    dWxh = np.zeros_like(case["Wxh"])
    np.add.at(dWxh.T, case["inputs"], dhraw)
    carried = {"Wxh": dWxh, "Whh": dhraw.T @ h[:-1], "bh": dhraw.sum(axis=0)}
    return char_rnn.backward(case, h, dy) | carried | {"h0": dhraw[0] @ case["Whh"]}


def test_the_model_matches() -> None:
    """Every case is counted, and every gradient is conclusive in most."""
    report = rnnverify.verify(char_rnn.gradients, "char_rnn", cases=40)

    assert report.ok
    assert report.verdict == "match"
    assert report.cases == sum(report.counts.values()) == 40
    assert report.failure is None
    assert set(report.gradients) == {*char_rnn.WEIGHTS, "h0"}
    assert all(2 * each.conclusive >= each.nonzero for each in report.gradients.values())


def test_the_same_seed_gives_the_same_report() -> None:
    """A report depends on the seed, and on nothing else."""
    first, again, other = (
        rnnverify.verify(no_carry, "char_rnn", cases=20, seed=seed) for seed in (3, 3, 4)
    )

    assert first.gradients == again.gradients
    assert first.regimes == again.regimes
    assert first.failure is not None
    assert again.failure is not None
    assert first.failure.message == again.failure.message
    assert first.regimes != other.regimes


def test_a_failure_is_small_and_told() -> None:
    """A dropped carry is shrunk to two steps, and its step, entry and figures are told."""
    report = rnnverify.verify(no_carry, "char_rnn", cases=40)
    failure = report.failure

    assert report.verdict == "wrong"
    assert failure is not None
    assert failure.verdict.case.dims["T"] == 2
    assert failure.step == 1
    assert failure.gradient in failure.gradients
    assert set(failure.gradients) <= {"Wxh", "Whh", "bh", "h0"}
    assert failure.got is not None
    assert failure.want is not None
    assert failure.tolerance is not None
    assert abs(failure.got - failure.want) > failure.tolerance
    assert f"d{failure.gradient}[" in failure.message
    assert "step 1" in failure.message
    assert failure.replay.startswith("rnnverify.verify(no_carry, 'char_rnn'")


def test_the_first_wrong_step_is_that_of_the_loss() -> None:
    """Each step's loss is tried alone; a carry shows from step 1 on, a sign from step 0."""
    negative = mended(char_rnn.gradients, "Whh", np.negative)

    assert first_wrong_step(char_rnn_case(), no_carry) == 1
    assert first_wrong_step(char_rnn_case(), negative) == 0
    assert first_wrong_step(char_rnn_case(), char_rnn.gradients) is None


def test_the_cotangent_of_the_last_state_belongs_to_the_last_step() -> None:
    """A bug in what comes from c_T shows in the loss of the last step, and in no other."""
    candidate = edited(lstm, ("G_c[t] + dcnext", "dcnext"))
    failure = rnnverify.verify(candidate, "lstm", cases=60).failure

    assert failure is not None
    assert failure.step == failure.verdict.case.dims["T"] - 1


def test_with_lengths_it_belongs_to_the_last_step_of_each_sequence() -> None:
    """A bug in what comes from c_T shows in the loss of the step at which some sequence ends."""
    candidate = edited(lstm, ("G_c[t] + dcnext", "dcnext"))
    failure = rnnverify.verify(candidate, "lstm", cases=60, lengths=True).failure

    assert failure is not None
    assert failure.step == failure.verdict.case["lengths"].min() - 1


def test_every_case_is_run_whatever_fails() -> None:
    """A failing run counts as many cases as a passing one."""
    report = rnnverify.verify(no_carry, "char_rnn", cases=30)

    assert report.cases == 30
    assert report.counts["wrong"] > 10


def test_one_case_of_a_run_is_checked_by_its_number() -> None:
    """``case=`` draws the cases before it, checks just that one, and shows the same failure."""
    failure = rnnverify.verify(no_carry, "char_rnn", cases=30, seed=3).failure
    assert failure is not None
    number = int(failure.replay.rpartition("case=")[2].split(",")[0].rstrip(")"))
    alone = rnnverify.verify(no_carry, "char_rnn", cases=30, seed=3, case=number)

    assert alone.cases == 1
    assert alone.failure is not None
    assert (alone.failure.message, alone.failure.replay) == (failure.message, failure.replay)
    if number > 1:
        assert rnnverify.verify(no_carry, "char_rnn", cases=30, seed=3, case=number - 1).ok


def raises_sometimes(case: Case) -> dict[str, Array]:
    """Raise, but only for one step."""
    if case.dims["T"] == 1:
        message = "cannot do T = 1"
        raise ValueError(message)
    return char_rnn.gradients(case)


def test_an_invalid_candidate_is_shrunk_too() -> None:
    """The failure says what was raised, in the smallest case."""
    failure = rnnverify.verify(raises_sometimes, "char_rnn", cases=100).failure

    assert failure is not None
    assert failure.gradient is None
    assert failure.verdict.case.dims["T"] == 1
    assert "raised ValueError: cannot do T = 1" in failure.message


def test_a_candidate_that_changes_its_mind_is_still_reported() -> None:
    """A failure that does not come again when it is shrunk is told as it was first seen."""
    calls = 0

    def fickle(case: Case) -> dict[str, Array]:
        nonlocal calls
        calls += 1
        returned = char_rnn.gradients(case)
        return returned | {"Whh": returned["Whh"] + 1} if calls == 15 else returned

    report = rnnverify.verify(fickle, "char_rnn", cases=20)

    assert report.verdict == "wrong"
    assert report.failure is not None
    assert report.failure.gradients == ("Whh",)
    assert "did not fail when it was run again" in report.failure.message


def test_one_evaluation_serves_all_clips() -> None:
    """Several clips see the same cases, and each has a report of its own."""
    reports = execute(run(clips=("none", "value", "norm", "global-norm:1")))

    assert [report.clip for report in reports] == ["none", "value", "norm", "global-norm:1"]
    assert len({tuple(report.regimes.items()) for report in reports}) == 1
    assert reports[0].clip_active == 0
    assert all(report.clip_active > 0.3 for report in reports[1:])
    assert all(report.ok for report in reports)


def test_a_clip_alone_is_remarked() -> None:
    """Without ``none`` among the clips a report says what that hides."""
    (report,) = execute(run(clips=("value:5",)))

    assert "hides every bug beyond it" in report.notes[0]


def test_an_odd_loss_is_a_note_with_a_count() -> None:
    """Notes say in how many cases they hold, and fail nothing."""
    report = rnnverify.verify(
        mended(char_rnn.gradients, "loss", lambda x: x + 1), "char_rnn", cases=9
    )

    assert report.ok
    assert report.notes == ("the loss differs from the reference's (in 9 of 9 cases)",)


def test_unchecked_gradients_are_listed() -> None:
    """A state's gradient that is never returned is reported as such."""

    def without_h0(case: Case) -> dict[str, Array]:
        return {name: g for name, g in char_rnn.gradients(case).items() if name != "h0"}

    assert rnnverify.verify(without_h0, "char_rnn", cases=9).unchecked == ("h0",)


def test_a_gradient_returned_now_and_then_is_remarked() -> None:
    """It is checked where it is returned, and the report says where it was not."""

    def sometimes(case: Case) -> dict[str, Array]:
        returned = char_rnn.gradients(case)
        return {n: g for n, g in returned.items() if n != "h0" or case.dims["T"] > 4}

    report = rnnverify.verify(sometimes, "char_rnn", cases=20)

    assert report.unchecked == ()
    assert report.gradients["h0"].nonzero < 20
    assert "dh0 was not returned, and not checked" in report.notes[0]


def test_too_little_conclusive_is_no_pass() -> None:
    """A gradient conclusive in under half of the cases makes a run inconclusive."""
    tally = Tally({})
    for i in range(10):
        tally.add(verdict(conclusive=i < 4))
    verdicts = [tally.verdict]
    for _ in range(2):
        tally.add(verdict(conclusive=True))

    assert [*verdicts, tally.verdict] == ["inconclusive", "match"]


def test_nothing_but_zeros_is_no_pass() -> None:
    """A run in which every gradient was zero could not have failed."""
    tally = Tally({})
    tally.add(verdict(conclusive=False, zero=True))

    assert tally.counts["zero"] == 1
    assert tally.verdict == "inconclusive"


def test_errors_in_inconclusive_cases_do_not_count() -> None:
    """The worst error is that of cases which say something."""
    tally = Tally({})
    tally.add(verdict(conclusive=True))
    tally.add(verdict(conclusive=False, kind="inconclusive", worst=1e6))

    assert tally.gradients["Whh"].worst == 0.1
    assert tally.gradients["Whh"].nonzero == 2


def test_an_inconclusive_case_does_not_hide_a_wrong_one() -> None:
    """The worst verdict counts."""
    tally = Tally({})
    for kind in ("match", "wrong", "inconclusive"):
        tally.add(verdict(conclusive=True, kind=kind))

    assert tally.verdict == "wrong"


def verdict(
    *, conclusive: bool, zero: bool = False, kind: Any = "match", worst: float = 0.1
) -> Verdict:
    """Return a verdict on one gradient."""
    comparison = Comparison(
        gradient="Whh",
        kind="match",
        worst=worst,
        index=(0,),
        got=1.0,
        want=1.0,
        tolerance=1e-15,
        digits=14.0,
        agree=15.0,
        conclusive=conclusive,
        zero=zero,
    )
    return Verdict(kind=kind, case=char_rnn_case(), comparisons=(comparison,))


def test_runs_in_threads_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several runs at once agree, and put back what they found."""
    monkeypatch.chdir(tmp_path)
    before = storage_directory(intent_to_write=False).path
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(rnnverify.verify, no_carry, "char_rnn", cases=8) for _ in range(3)]
        reports = [each.result() for each in runs]

    assert {str(report.failure and report.failure.message) for report in reports} != {"None"}
    assert storage_directory(intent_to_write=False).path == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cases": 0}, "at least 1"),
        ({"cases": -3}, "-3 is too few"),
        ({"seed": -1}, "must be 0 or more"),
        ({"dtype": "half"}, "unknown 'half'"),
        ({"clip": "max:1"}, "unknown 'max:1'"),
        ({"system": "lstn"}, "unknown 'lstn'"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], words: str) -> None:
    """Errors show the value, and say what would be right."""
    with pytest.raises(UsageError, match=words):
        rnnverify.verify(char_rnn.gradients, **({"system": "char_rnn"} | options))


def test_what_a_run_will_need_is_compiled_ahead() -> None:
    """The largest dims of each bucket that its cases can be in, and the largest of all."""
    system = dataclasses.replace(CHAR_RNN, buckets=[{"T": 4, "V": 4}, {"T": 8, "V": 4}])

    assert largest_in_each(system, {"T": (1, 6), "V": (1, 9), "H": (2, 2)}) == [
        {"T": 4, "V": 4, "H": 2},
        {"T": 6, "V": 4, "H": 2},
        {"T": 6, "V": 9, "H": 2},
    ]
    assert largest_in_each(system, {"T": (1, 9), "V": (5, 5), "H": (2, 2)}) == [
        {"T": 4, "V": 5, "H": 2},
        {"T": 8, "V": 5, "H": 2},
        {"T": 9, "V": 5, "H": 2},
    ]


def test_long_runs_go_in_batches() -> None:
    """Beyond a batch cases go on, and are all different."""
    seen: list[bytes] = []

    def remember(case: Case) -> dict[str, Array]:
        seen.append(case["Wxh"].tobytes() + case["Why"].tobytes())
        return {}

    report = rnnverify.verify(remember, "char_rnn", cases=2100)

    assert report.cases == 2100
    assert len(set(seen)) > 1500


def run(**changes: Any) -> Run:
    """Return a small run of the built-in model."""
    clips = tuple(Clip.parse(text) for text in changes.pop("clips"))
    return Run(
        candidate=char_rnn.gradients,
        name="model",
        system=CHAR_RNN,
        clips=clips,
        dtype="float64",
        cases=30,
        seed=0,
        **changes,
    )


def test_the_users_process_is_left_alone(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is left, and neither JAX's settings nor NumPy's random state nor errors change."""
    import jax  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    before = jax.config.values.copy(), random.getstate(), np.geterr()
    rnnverify.verify(no_carry, "char_rnn", cases=10)

    assert list(tmp_path.iterdir()) == []
    assert (jax.config.values, random.getstate(), np.geterr()) == before


def test_the_users_jax_settings_do_not_matter() -> None:
    """The reference works under settings that a user may have made for code of their own."""
    import jax  # noqa: PLC0415

    with (
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
        jax.debug_nans(True),  # noqa: FBT003 - JAX's signature
        jax.debug_infs(True),  # noqa: FBT003
        jax.disable_jit(True),  # noqa: FBT003
        jax.transfer_guard_host_to_device("disallow"),
    ):
        assert rnnverify.verify(char_rnn.gradients, "char_rnn", clip="norm:1", cases=5).ok
