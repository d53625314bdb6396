"""Bugs of ``rtrbm``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="rtrbm")
_loops = partial(Mutant, system="rtrbm", form="loops")

MUTANTS = (
    _model(
        name="carry_dropped",
        before="g[t] = own[t] + a[t]",
        after="g[t] = own[t]",
        equation="g_t = w_t (r_t - E_t[h]) + a_t",
        symptom="What later frames say of r_t reaches W alone, not the biases nor U.",
    ),
    _model(
        name="carry_left_out_of_dw",
        before='"W": (w * r + a).T @ v - model["w hv"],',
        after='"W": (w * r).T @ v - model["w hv"],',
        equation="dW = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ",
        symptom="W learns from each frame alone, as in an RBM without time.",
    ),
    _model(
        name="first_sum_as_eq_3_25_prints_it",
        before='"W": (w * r + a).T @ v - model["w hv"],',
        after='"W": (w * r).T @ v + (a[1:] @ case["U"]).T @ v[:-1] - model["w hv"],',
        equation="dW = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ",
        symptom="The thesis's first sum: Uᵀ a_{t+1}, where a_t belongs.",
    ),
    _model(
        name="second_sum_as_eq_3_25_prints_it",
        before='"W": (w * r + a).T @ v - model["w hv"],',
        after='"W": (w[:-1] * r[:-1] + a[:-1]).T @ v[:-1] - model["w hv"],',
        equation="dW = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ",
        symptom="The data's sum stops at T-1, so dW lacks the last frame.",
    ),
    _model(
        name="carry_weighted_twice",
        before='"W": (w * r + a).T @ v - model["w hv"],',
        after='"W": (w * (r + a)).T @ v - model["w hv"],',
        equation="dW = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ",
        symptom="a_t holds the weights of later frames already, and gets w_t on top.",
    ),
    _model(
        name="mean_field_for_the_expectation",
        before='"W": (w * r + a).T @ v - model["w hv"],',
        after='"W": (w * r + a).T @ v - (w * model["h"]).T @ model["v"],',
        equation="dW = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ",
        symptom="E[h] E[v]ᵀ stands in for E[h vᵀ], as if both were independent.",
    ),
    _model(
        name="loss_weights_left_out_of_the_model",
        before='"w hv": (h * (w @ p)[:, None]).T @ v,',
        after='"w hv": (h * p.sum(axis=0)[:, None]).T @ v,',
        equation="dW = Σ_t w_t (r_t v_tᵀ - E_t[h vᵀ]) + a_t v_tᵀ",
        symptom="The data's half of dW is weighted, the model's half is not.",
    ),
    _model(
        name="likeliest_state_for_the_mean",
        before='"h": p @ h,',
        after='"h": h[p.argmax(axis=1)],',
        equation="g_t = w_t (r_t - E_t[h]) + a_t",
        symptom="The likeliest state of h stands in for its expectation.",
    ),
    _model(
        name="epsilon_in_the_softmax",
        before="p /= total",
        after="p /= total + 1e-8",
        equation="E_t the expectation under P(v, h | r_{t-1})",
        symptom="The probabilities of all states add up to a little less than 1.",
    ),
    _model(
        name="probabilities_in_float32",
        before="p = np.exp(energy - largest)",
        after="p = np.exp((energy - largest).astype(np.float32)).astype(energy.dtype)",
        equation="E_t the expectation under P(v, h | r_{t-1})",
        symptom="One array is rounded to float32, which costs half of the digits.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="D = U.T @ g[t]",
        after="D = U @ g[t]",
        equation="D_{t-1} = Uᵀ g_t",
        symptom="What is carried back goes through U instead of its transpose.",
    ),
    _model(
        name="carry_of_one_step_only",
        before="D = U.T @ g[t]",
        after="D = U.T @ own[t]",
        equation="D_{t-1} = Uᵀ g_t",
        symptom="Each frame's loss goes one step back and no further.",
    ),
    _model(
        name="slope_left_out",
        before="slope = r * (1 - r)",
        after="slope = np.ones_like(r)",
        equation="a_t = r_t ⊙ (1 - r_t) ⊙ D_t",
        symptom="The carry passes σ as if its slope were 1.",
    ),
    _model(
        name="slope_kept_from_vanishing",
        before="slope = r * (1 - r)",
        after="slope = np.maximum(r * (1 - r), 1e-4)",
        equation="a_t = r_t ⊙ (1 - r_t) ⊙ D_t",
        symptom="Wrong only where a unit saturates: its slope is never below 1e-4.",
    ),
    _model(
        name="same_means_for_those_before",
        before='"U": g[1:].T @ r[:-1],',
        after='"U": g[1:].T @ r[1:],',
        equation="dU = Σ_t g_t r_{t-1}ᵀ",
        symptom="dU is made from the means of each frame, not of that before it.",
    ),
    _model(
        name="recurrent_gradient_transposed",
        before='"U": g[1:].T @ r[:-1],',
        after='"U": r[:-1].T @ g[1:],',
        equation="dU = Σ_t g_t r_{t-1}ᵀ",
        symptom="dU comes out transposed, as for weights that act on rows.",
    ),
    _loops(
        name="means_wrap_at_the_first_frame",
        before="if t > 0:\n"
        'g["b_h"] += dc\n'
        'g["U"] += np.outer(dc, r[t - 1])\n'
        "D = dc @ U\n"
        "else:\n"
        'g["b_init"] += dc',
        after='g["U"] += np.outer(dc, r[(t - 1) % len(v)])\n'
        "D = dc @ U\n"
        "if t > 0:\n"
        '    g["b_h"] += dc\n'
        "else:\n"
        '    g["b_init"] += dc',
        equation="t > 1: dU = Σ_t g_t r_{t-1}ᵀ",
        symptom="The first frame counts in dU too, with the last frame's means before it.",
    ),
    _loops(
        name="recurrent_gradient_assigned",
        before='g["U"] += np.outer(dc, r[t - 1])',
        after='g["U"] = np.outer(dc, r[t - 1])',
        equation="dU = Σ_t g_t r_{t-1}ᵀ",
        symptom="Only the second frame is left of dU.",
    ),
    _loops(
        name="visible_bias_of_the_model_only",
        before='g["b_v"] += w[t] * (v[t] - of_v)',
        after='g["b_v"] -= w[t] * of_v',
        equation="db_v = Σ_t w_t (v_t - E_t[v])",
        symptom="The data is forgotten in db_v.",
    ),
    _model(
        name="loss_weights_left_out_of_db_v",
        before='"b_v": (w * (v - model["v"])).sum(axis=0),',
        after='"b_v": (v - model["v"]).sum(axis=0),',
        equation="db_v = Σ_t w_t (v_t - E_t[v])",
        symptom="Every frame counts alike in db_v, whatever its weight.",
    ),
    _model(
        name="visible_bias_error_of_1e-6",
        before='"b_v": (w * (v - model["v"])).sum(axis=0),',
        after='"b_v": (w * (v - model["v"])).sum(axis=0) * (1 + 1e-6),',
        equation="db_v = Σ_t w_t (v_t - E_t[v])",
        symptom="db_v is wrong by 1e-6 of itself.",
    ),
    _model(
        name="first_frame_in_db_h",
        before='"b_h": g[1:].sum(axis=0),',
        after='"b_h": g.sum(axis=0),',
        equation="t > 1: db_h = Σ_t g_t",
        symptom="The first frame counts in db_h, though b_init stands there.",
    ),
    _model(
        name="single_frame_in_db_h",
        before='"b_h": g[1:].sum(axis=0),',
        after='"b_h": g[min(1, len(g) - 1) :].sum(axis=0),',
        equation="t > 1: db_h = Σ_t g_t",
        symptom="Wrong only at T = 1: the only frame then counts in db_h.",
    ),
    _model(
        name="initial_bias_not_clipped",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after='clipped = {"b_init": raw["b_init"]}\n'
        "clipped |= clip_gradients({name: raw[name] for name in WEIGHTS[:-1]}, case.clip)",
        equation="clip(dW, dU, db_v, db_h, db_init)",
        symptom="db_init neither counts in the norm nor is it scaled.",
        clip="global-norm",
    ),
)
