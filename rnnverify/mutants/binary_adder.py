"""Bugs of ``binary_adder``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="binary_adder")
_loops = partial(Mutant, system="binary_adder", form="loops")

MUTANTS = (
    _model(
        name="carry_dropped",
        before="l1_delta[t] = (from_future + from_output[t]) * slope[t]",
        after="l1_delta[t] = from_output[t] * slope[t]",
        equation="l1_delta_t = (future Shᵀ + l2_delta_t S1ᵀ) ⊙ l1_t (1 - l1_t)",
        symptom="Each loss reaches only its own step: nothing is carried back in time.",
    ),
    _model(
        name="slope_on_the_output_only",
        before="l1_delta[t] = (from_future + from_output[t]) * slope[t]",
        after="l1_delta[t] = from_future + from_output[t] * slope[t]",
        equation="l1_delta_t = (future Shᵀ + l2_delta_t S1ᵀ) ⊙ l1_t (1 - l1_t)",
        symptom="A bracket is missing: what comes from the future has no slope.",
    ),
    _model(
        name="all_future_layers_added",
        before="from_future = l1_delta[t] @ Sh.T",
        after="from_future = from_future + l1_delta[t] @ Sh.T",
        equation="future_l1_delta = l1_delta_t",
        symptom="Every later layer is added once more, as the line is often read.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="from_future = l1_delta[t] @ Sh.T",
        after="from_future = l1_delta[t] @ Sh",
        equation="l1_delta_t = (future Shᵀ + l2_delta_t S1ᵀ) ⊙ l1_t (1 - l1_t)",
        symptom="What is carried back goes through Sh instead of its transpose.",
    ),
    _model(
        name="slope_of_the_layer_before",
        before="slope = l1[1:] * (1 - l1[1:])",
        after="slope = l1[:-1] * (1 - l1[:-1])",
        equation="l1_delta_t = (…) ⊙ l1_t (1 - l1_t)",
        symptom="The slope is that at the layer before each step.",
    ),
    _model(
        name="sigmoid_twice_in_the_slope",
        before="slope = l1[1:] * (1 - l1[1:])",
        after="slope = sigmoid(l1[1:]) * (1 - sigmoid(l1[1:]))",
        equation="l1_delta_t = (…) ⊙ l1_t (1 - l1_t)",
        symptom="The layer's output is taken for what goes into σ.",
    ),
    _model(
        name="slope_of_tanh",
        before="slope = l1[1:] * (1 - l1[1:])",
        after="slope = 1 - l1[1:] ** 2",
        equation="l1_delta_t = (…) ⊙ l1_t (1 - l1_t)",
        symptom="The slope is that of another activation.",
    ),
    _model(
        name="slope_kept_from_vanishing",
        before="slope = l1[1:] * (1 - l1[1:])",
        after="slope = np.maximum(l1[1:] * (1 - l1[1:]), 1e-6)",
        equation="l1_delta_t = (…) ⊙ l1_t (1 - l1_t)",
        symptom="Saturated units get gradients; all others are right.",
    ),
    _model(
        name="slope_of_the_output_forgotten",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = w[:, None] * (l2 - y)",
        equation="l2_delta_t = w_t (l2_t - y_t) ⊙ l2_t (1 - l2_t)",
        symptom="The gradients are those of a cross-entropy.",
    ),
    _model(
        name="sign_of_the_error",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = w[:, None] * (y - l2) * l2 * (1 - l2)",
        equation="l2_delta_t = w_t (l2_t - y_t) ⊙ l2_t (1 - l2_t)",
        symptom="Every gradient is that of -L, as the source's updates are.",
    ),
    _model(
        name="half_left_out",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = 2 * w[:, None] * (l2 - y) * l2 * (1 - l2)",
        equation="L = ½ Σ_t w_t ‖y_t - l2_t‖²",
        symptom="Every gradient is twice what it should be.",
    ),
    _model(
        name="loss_weights_forgotten",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = (l2 - y) * l2 * (1 - l2)",
        equation="l2_delta_t = w_t (l2_t - y_t) ⊙ l2_t (1 - l2_t)",
        symptom="Every loss is weighted 1.",
    ),
    _model(
        name="error_of_the_rounded_bit",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = w[:, None] * (np.round(l2) - y) * l2 * (1 - l2)",
        equation="l2_delta_t = w_t (l2_t - y_t) ⊙ l2_t (1 - l2_t)",
        symptom="Bits that are guessed rightly teach nothing.",
    ),
    _model(
        name="slope_of_the_printed_error",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = w[:, None] * np.sign(l2 - y) * l2 * (1 - l2)",
        equation="L = ½ Σ_t w_t ‖y_t - l2_t‖²",
        symptom="The gradients are those of Σ|y - l2|, which is printed, and not of L.",
    ),
    _model(
        name="output_error_in_float32",
        before="l2_delta = w[:, None] * (l2 - y) * l2 * (1 - l2)",
        after="l2_delta = (w[:, None] * (l2 - y) * l2 * (1 - l2)).astype(np.float32)",
        equation="l2_delta_t = w_t (l2_t - y_t) ⊙ l2_t (1 - l2_t)",
        symptom="Every gradient has seven digits.",
    ),
    _loops(
        name="same_layer_for_the_one_before",
        before='g["Sh"] += np.outer(before, delta)',
        after='g["Sh"] += np.outer(now, delta)',
        equation="dSh = Σ_t l1_{t-1}ᵀ l1_delta_t",
        symptom="dSh is made from the layer after each step, not from that before it.",
    ),
    _model(
        name="initial_layer_taken_for_zero",
        before='"Sh": l1[:-1].T @ l1_delta,',
        after='"Sh": l1[1:-1].T @ l1_delta[1:],',
        equation="dSh = Σ_t l1_{t-1}ᵀ l1_delta_t",
        symptom="dSh lacks the first step, which is right only where l1_init is zero.",
    ),
    _loops(
        name="inputs_from_the_front",
        before='g["S0"] += np.outer(x[-position], delta)',
        after='g["S0"] += np.outer(x[position - 1], delta)',
        equation="dS0 = Σ_t x_tᵀ l1_delta_t",
        symptom="Errors are read from the end, inputs from the beginning.",
    ),
    _loops(
        name="inputs_one_step_late",
        before='g["S0"] += np.outer(x[-position], delta)',
        after='g["S0"] += np.outer(x[-position + 1], delta)',
        equation="dS0 = Σ_t x_tᵀ l1_delta_t",
        symptom="Positions count from 1, but x is read as if from 0; at the end it wraps.",
    ),
    _model(
        name="relative_error_of_1e-9",
        before='"S0": x.T @ l1_delta,',
        after='"S0": x.T @ l1_delta * (1 + 1e-9),',
        equation="dS0 = Σ_t x_tᵀ l1_delta_t",
        symptom="dS0 is right to nine digits.",
    ),
    _loops(
        name="output_gradient_overwritten",
        before='g["S1"] += np.outer(now, layer_2_delta)',
        after='g["S1"] = np.outer(now, layer_2_delta)',
        equation="dS1 = Σ_t l1_tᵀ l2_delta_t",
        symptom="= for +=: dS1 is that of the first step.",
    ),
    _model(
        name="mean_for_the_sum",
        before='"S1": l1[1:].T @ l2_delta,',
        after='"S1": l1[1:].T @ l2_delta / len(x),',
        equation="dS1 = Σ_t l1_tᵀ l2_delta_t",
        symptom="dS1 is a mean over the steps.",
    ),
    _model(
        name="initial_layer_before_the_recurrence",
        before='"l1_init": from_future,',
        after='"l1_init": l1_delta[0],',
        equation="dl1_init = l1_delta_1 Shᵀ",
        symptom="dl1_init lacks the last product with Sh.",
    ),
    _loops(
        name="first_step_not_visited",
        before="for position in range(1, len(x) + 1):",
        after="for position in range(1, len(x)):",
        equation="dS0 = Σ_t x_tᵀ l1_delta_t, and all other sums",
        symptom="The loop ends one position short.",
    ),
    _loops(
        name="clipped_inside_the_loop",
        before="future = delta",
        after='g, future = {**g, **clip_gradients({"Sh": g["Sh"]}, case.clip)}, delta',
        equation="clip(Σ_t l1_{t-1}ᵀ l1_delta_t)",
        symptom="dSh is clipped before it is complete, again at every position.",
        clip="value",
    ),
    _model(
        name="one_weight_out_of_the_norm",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""
        norm = np.sqrt((raw["S0"] ** 2).sum() + (raw["Sh"] ** 2).sum() + 1e-300)
        clipped = {n: raw[n] * min(1, (case.clip.threshold or np.inf) / norm) for n in WEIGHTS}
        """,
        equation="g · c / ‖(dS0, dSh, dS1)‖",
        symptom="All gradients are scaled, but by a norm that leaves out dS1.",
        clip="global-norm",
    ),
    _model(
        name="norm_of_zero",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""
        clipped, c = {}, case.clip.threshold or np.inf
        for name in WEIGHTS:
            norm = np.linalg.norm(raw[name])
            with np.errstate(invalid="ignore"):
                clipped[name] = raw[name] / norm * min(norm, c)
        """,
        equation="g · c / ‖g‖ where ‖g‖ > c, else g",
        symptom="Where a gradient is zero it becomes NaN.",
        clip="norm",
    ),
)
