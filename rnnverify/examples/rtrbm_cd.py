"""Contrastive divergence in the RTRBM: a random gradient, checked against its exact expectation.

    python -m rnnverify.examples.rtrbm_cd

An entry-wise comparison of a CD-k estimate with anything is senseless: the estimate is random. But
in a small RTRBM the expectation over all Gibbs chains is known exactly, so the mean of many
estimates can be tested; and that expectation tends to the exact gradient as k grows.
"""

from collections.abc import Mapping

import click
import jax
import numpy as np

from rnnverify.builtin import RTRBM
from rnnverify.models import rtrbm, rtrbm_cd
from rnnverify.programs import jax_settings
from rnnverify.records import Array, Case
from rnnverify.references.rtrbm_cd import expected_gradient
from rnnverify.statistics import StochasticVerdict, check_expectation


def small_case(seed: int = 0) -> Case:
    """Return a case of 4 frames, 4 visible and 3 hidden units."""
    random = np.random.default_rng(seed)
    return RTRBM.case(
        {
            "W": 0.7 * random.standard_normal((3, 4)),
            "U": random.standard_normal((3, 3)),
            "b_v": 0.5 * random.standard_normal(4),
            "b_h": 0.5 * random.standard_normal(3),
            "b_init": 0.5 * random.standard_normal(3),
            "v": random.integers(0, 2, (4, 4)).astype(float),
            "loss_weights": np.ones(4),
        }
    )


def expectation(case: Case, k: int) -> dict[str, Array]:
    """Return the exact expectation of the CD-k estimate of each weight's gradient."""
    with jax_settings():
        expected = jax.jit(expected_gradient, static_argnums=1)(dict(case), k)
        return {name: np.asarray(array) for name, array in expected.items()}


def checked(case: Case, k: int, *, runs: int, seed: int = 0) -> StochasticVerdict:
    """Check the mean of many CD-k estimates against its exact expectation."""
    return check_expectation(
        lambda random: rtrbm_cd.estimate(case, k, random),
        expectation(case, k),
        runs=runs,
        seed=seed,
    )


def bias(case: Case, expected: Mapping[str, Array]) -> float:
    """Return how far an expectation is from the exact gradient, at most."""
    exact = rtrbm.gradients(case)
    return max(float(np.abs(exact[name] - expected[name]).max()) for name in expected)


@click.command()
@click.option("--runs", default=20_000, show_default=True, help="Estimates to take the mean of.")
def main(runs: int) -> None:
    """Print, for several k, what a check of the mean says, and how biased the expectation is."""
    case = small_case()
    for k in (1, 2, 5, 20):
        verdict = checked(case, k, runs=runs)
        off = bias(case, expectation(case, k))
        click.echo(f"CD-{k}: {verdict.kind}; {verdict.message}")
        click.echo(f"  the expectation is off the exact gradient by {off:.1g} at most")


if __name__ == "__main__":
    main()
