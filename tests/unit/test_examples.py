"""The worked examples say what they are said to say."""

import itertools

import jax
import numpy as np
import pytest
from click.testing import CliRunner

import rnnverify
from rnnverify.examples import rtrbm as printed_form
from rnnverify.examples import rtrbm_cd as contrastive_divergence
from rnnverify.examples.rtrbm_cd import bias, checked, expectation, small_case
from rnnverify.models import rtrbm, rtrbm_cd
from rnnverify.models.activations import sigmoid
from rnnverify.programs import jax_settings
from rnnverify.records import Array, Candidate, Case
from rnnverify.references import rtrbm_cd as reference
from rnnverify.statistics import check_expectation


@pytest.mark.parametrize(
    "form",
    [printed_form.printed, printed_form.first_sum_mended, printed_form.second_sum_mended],
)
def test_equation_325_is_wrong_unless_both_sums_are_mended(form: Candidate) -> None:
    """As printed, and with either sum mended alone, dW is wrong, and nothing else is."""
    report = rnnverify.verify(form, "rtrbm", cases=60)
    differ = {name for name, each in report.gradients.items() if each.differ}

    assert report.verdict == "wrong"
    assert differ == {"W"}


def test_equation_325_with_both_sums_mended_is_right() -> None:
    """The mended form matches."""
    assert rnnverify.verify(printed_form.both_mended, "rtrbm", cases=60).ok


def test_the_example_prints_four_verdicts() -> None:
    """It names each form, and says by how much the wrong ones are wrong."""
    lines = CliRunner().invoke(printed_form.main, ["--cases", "60"]).output.splitlines()
    forms = [line for line in lines if not line.startswith(" ")]

    assert [line.split(";")[0] for line in forms] == [
        "printed: wrong",
        "first sum mended: wrong",
        "second sum mended: wrong",
        "both mended: match",
    ]
    assert sum("but should be" in line for line in lines) == 3


@pytest.mark.parametrize("k", [1, 3])
def test_the_mean_of_contrastive_divergence_is_its_expectation(k: int) -> None:
    """The z-test over all entries finds nothing, with enough chains to see a small bias."""
    verdict = checked(small_case(), k, runs=3000)

    assert verdict.ok, verdict.message
    assert max(np.max(each) for each in verdict.detectable.values()) < 0.2


def test_one_step_less_is_found() -> None:
    """The mean of CD-1 is not the expectation of CD-2."""
    case = small_case()
    verdict = check_expectation(
        lambda random: rtrbm_cd.estimate(case, 1, random), expectation(case, 2), runs=3000
    )

    assert verdict.kind == "wrong"


def test_a_sample_of_the_wrong_unit_is_found() -> None:
    """An estimator whose chain samples v by the means of h, not by its states, is biased."""
    case = small_case()

    def estimate(random: np.random.Generator) -> dict[str, Array]:
        c, r = rtrbm.forward(case)
        v = sigmoid(r @ case["W"] + case["b_v"])
        return rtrbm_cd.backward(case, c, r, (random.random(v.shape) < v).astype(float))

    assert check_expectation(estimate, expectation(case, 1), runs=3000).kind == "wrong"


def test_the_expectation_tends_to_the_exact_gradient() -> None:
    """As k grows, contrastive divergence loses its bias."""
    case = small_case()
    biases = [bias(case, expectation(case, k)) for k in (1, 2, 5, 20, 80)]

    assert biases[0] > 1e-2
    assert all(after < before for before, after in itertools.pairwise(biases[:-1]))
    assert biases[-1] < 1e-12


def test_the_expectation_is_that_of_the_frozen_gradients() -> None:
    """Averaged over the distribution of its samples, the gradient with given samples is it.

    With one frame and two visible units there are four samples, whose probabilities are those of
    one Gibbs step.
    """
    case = one_frame(small_case())
    visible = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
    c, r = rtrbm.forward(case)
    hidden = np.array([[i >> j & 1 for j in range(3)] for i in range(8)], float)
    of_h = np.prod(np.where(hidden, r[0], 1 - r[0]), axis=1)
    means = sigmoid(hidden @ case["W"] + case["b_v"])
    of_v = [of_h @ np.prod(np.where(v, means, 1 - means), axis=1) for v in visible]
    frozen = [rtrbm_cd.backward(case, c, r, v[None]) for v in visible]

    for name, expected in expectation(case, 1).items():
        mean = sum(p * each[name] for p, each in zip(of_v, frozen, strict=True))
        assert np.allclose(mean, expected, rtol=0, atol=1e-14)


def one_frame(case: Case) -> Case:
    """Return the first frame of a case, and its first two visible units."""
    cut = {"W": case["W"][:, :2], "b_v": case["b_v"][:2], "v": case["v"][:1, :2]}
    return case.with_arrays(cut | {"loss_weights": np.ones(1)})


def test_transition_probabilities_add_up() -> None:
    """Each row of the chain's transition matrix is a distribution."""
    with jax_settings():
        states = reference._states(3, "float64")
        logits = jax.numpy.asarray([[0.3, -2.0, 40.0], [0.0, 0.0, -1e3]])
        assert np.allclose(reference._bernoulli(logits, states).sum(axis=1), 1, atol=1e-14)


def test_the_example_prints_what_it_found() -> None:
    """Every k gets a verdict and a bias."""
    result = CliRunner().invoke(contrastive_divergence.main, ["--runs", "200"])

    assert result.exit_code == 0
    assert result.output.count("CD-") == 4
    assert result.output.count("off the exact gradient") == 4
