"""The gradient of the RTRBM as equation 3.25 prints it, and what it takes to mend it.

    python -m rnnverify.examples.rtrbm

Sutskever 2013, "Training recurrent neural networks", equation 3.25,
https://www.cs.utoronto.ca/~ilya/pubs/ilya_sutskever_phd_thesis.pdf, as it is quoted where people
ask how to train recurrent networks (W' is U here)::

    ∂L/∂W = Σ_{t=1}^{T-1} (W'ᵀ (r_{t+1} ⊙ (1 - r_{t+1}) ⊙ ∂L/∂r_{t+1})) v_tᵀ
            + Σ_{t=1}^{T-1} ∂log P(v_t | r_{t-1})/∂W

It is not the gradient, for two reasons. In the first sum W is used for computing r_t, so that what
belongs there is ``(r_t ⊙ (1 - r_t) ⊙ ∂L/∂r_t) v_tᵀ``: neither W' nor the next step comes into it.
And the second sum leaves out the last frame. Mending one leaves the other.

Each form is a candidate: ``rnnverify verify rnnverify.examples.rtrbm:printed --system rtrbm``.
"""

import click
import numpy as np

from rnnverify.clipping import clip_gradients
from rnnverify.models import rtrbm
from rnnverify.records import Array, Case
from rnnverify.runner import verify


def printed(case: Case) -> dict[str, Array]:
    """Return the gradients, that of W by equation 3.25 as printed."""
    return _with(case, carried_as_printed(case) + own(case, up_to=-1))


def first_sum_mended(case: Case) -> dict[str, Array]:
    """Return the gradients, the first sum for W mended, the second as printed."""
    return _with(case, carried(case) + own(case, up_to=-1))


def second_sum_mended(case: Case) -> dict[str, Array]:
    """Return the gradients, the second sum for W mended, the first as printed."""
    return _with(case, carried_as_printed(case) + own(case))


def both_mended(case: Case) -> dict[str, Array]:
    """Return the gradients, both sums for W mended."""
    return _with(case, carried(case) + own(case))


def carried_as_printed(case: Case) -> Array:
    """Return Σ_{t<T} (Uᵀ a_{t+1}) v_tᵀ (H V), where a_t = r_t ⊙ (1 - r_t) ⊙ ∂L/∂r_t."""
    return (_through_r(case)[1:] @ case["U"]).T @ case["v"][:-1]


def carried(case: Case) -> Array:
    """Return Σ_t a_t v_tᵀ (H V)."""
    return _through_r(case).T @ case["v"]


def own(case: Case, *, up_to: int | None = None) -> Array:
    """Return Σ_t w_t ∂log P(v_t | r_{t-1})/∂W (H V), over all frames or some of the first ones."""
    heard = np.zeros_like(case["loss_weights"])
    heard[:up_to] = case["loss_weights"][:up_to]
    c, r = rtrbm.forward(case)
    model = rtrbm.expectations(case.with_arrays({"loss_weights": heard}), c)
    return (heard[:, None] * r).T @ case["v"] - model["w hv"]


def _through_r(case: Case) -> Array:
    """Return a (T H)."""
    c, r = rtrbm.forward(case)
    direct = case["loss_weights"][:, None] * (r - rtrbm.expectations(case, c)["h"])
    a, _ = rtrbm.adjoints(case["U"], r, direct)
    return a


def _with(case: Case, dW: Array) -> dict[str, Array]:
    c, r = rtrbm.forward(case)
    raw = rtrbm.backward(case, r, rtrbm.expectations(case, c)) | {"W": dW}
    return clip_gradients(raw, case.clip)


@click.command()
@click.option("--cases", default=200, show_default=True, help="Cases that each form is checked on.")
def main(cases: int) -> None:
    """Print what a check says of each form."""
    for form in (printed, first_sum_mended, second_sum_mended, both_mended):
        report = verify(form, "rtrbm", cases=cases)
        name, dW = form.__name__.replace("_", " "), report.gradients["W"]
        click.echo(f"{name}: {report.verdict}; dW differs in {dW.differ} of {report.cases} cases")
        if report.failure is not None:
            click.echo(f"  {report.failure.message}")


if __name__ == "__main__":
    main()
