"""Bugs of ``rtrbm_cd``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="rtrbm_cd")
_loops = partial(Mutant, system="rtrbm_cd", form="loops")

MUTANTS = (
    _model(
        name="data_for_the_sample",
        before='"W": (w * r + a).T @ v - (w * h).T @ negatives,',
        after='"W": (w * r + a).T @ v - (w * h).T @ v,',
        equation="dW = Σ_t w_t (r_t v_tᵀ - h̃_t ṽ_tᵀ) + a_t v_tᵀ",
        symptom="h̃_t is paired with the data instead of the sample it was made from.",
    ),
    _model(
        name="carry_left_out_of_dw",
        before='"W": (w * r + a).T @ v - (w * h).T @ negatives,',
        after='"W": (w * r).T @ v - (w * h).T @ negatives,',
        equation="dW = Σ_t w_t (r_t v_tᵀ - h̃_t ṽ_tᵀ) + a_t v_tᵀ",
        symptom="W learns from each frame alone, as in an RBM without time.",
    ),
    _model(
        name="carry_paired_with_the_sample",
        before='"W": (w * r + a).T @ v - (w * h).T @ negatives,',
        after='"W": (w * r).T @ v + (a - w * h).T @ negatives,',
        equation="dW = Σ_t w_t (r_t v_tᵀ - h̃_t ṽ_tᵀ) + a_t v_tᵀ",
        symptom="a_t belongs to r_t, which the data make, but is paired with the sample.",
    ),
    _model(
        name="hidden_means_of_the_data",
        before='h = sigmoid(negatives @ case["W"].T + c)',
        after='h = sigmoid(v @ case["W"].T + c)',
        equation="h̃_t = σ(W ṽ_t + c_t)",
        symptom="h̃_t is computed from the data, so it is r_t once more.",
    ),
    _model(
        name="hidden_bias_without_the_past",
        before='h = sigmoid(negatives @ case["W"].T + c)',
        after='h = sigmoid(negatives @ case["W"].T + case["b_h"])',
        equation="h̃_t = σ(W ṽ_t + c_t)",
        symptom="The sample's hidden units do not see the frames before.",
    ),
    _model(
        name="hidden_bias_of_the_next_frame",
        before='h = sigmoid(negatives @ case["W"].T + c)',
        after='h = sigmoid(negatives @ case["W"].T + np.roll(c, -1, axis=0))',
        equation="h̃_t = σ(W ṽ_t + c_t)",
        symptom="h̃_t is computed with c_{t+1}, which is one frame late.",
    ),
    _model(
        name="hidden_states_for_means",
        before='h = sigmoid(negatives @ case["W"].T + c)',
        after='h = (sigmoid(negatives @ case["W"].T + c) > 0.5).astype(r.dtype)',
        equation="h̃_t = σ(W ṽ_t + c_t)",
        symptom="Hidden states of 0 and 1 stand in for their means.",
    ),
    _model(
        name="hidden_means_in_float32",
        before='h = sigmoid(negatives @ case["W"].T + c)',
        after='h = sigmoid((negatives @ case["W"].T + c).astype(np.float32)).astype(r.dtype)',
        equation="h̃_t = σ(W ṽ_t + c_t)",
        symptom="One array is rounded to float32, which costs half of the digits.",
    ),
    _model(
        name="negative_phase_left_out_of_the_carry",
        before='a, g = adjoints(case["U"], r, w * (r - h))',
        after='a, g = adjoints(case["U"], r, w * r)',
        equation="g_t = w_t (r_t - h̃_t) + a_t",
        symptom="The samples count in dW and db_v only.",
    ),
    _model(
        name="loss_weights_twice",
        before='a, g = adjoints(case["U"], r, w * (r - h))',
        after='a, g = adjoints(case["U"], r, w * w * (r - h))',
        equation="g_t = w_t (r_t - h̃_t) + a_t",
        symptom="Each frame's own term is weighted twice: right for weights of 0 and 1.",
    ),
    _model(
        name="slope_of_the_sample",
        before='a, g = adjoints(case["U"], r, w * (r - h))',
        after='a, g = adjoints(case["U"], h, w * (r - h))',
        equation="a_t = r_t ⊙ (1 - r_t) ⊙ D_t",
        symptom="The slope is taken at h̃_t instead of r_t.",
    ),
    _loops(
        name="recurrence_not_transposed",
        before="D = dc @ U",
        after="D = U @ dc",
        equation="D_{t-1} = Uᵀ g_t",
        symptom="What is carried back goes through U instead of its transpose.",
    ),
    _loops(
        name="carry_added_up",
        before="D = dc @ U",
        after="D += dc @ U",
        equation="D_{t-1} = Uᵀ g_t",
        symptom="D keeps what later frames have left in it, though a_t holds that already.",
    ),
    _model(
        name="same_means_for_those_before",
        before='"U": g[1:].T @ r[:-1],',
        after='"U": g[1:].T @ r[1:],',
        equation="dU = Σ_t g_t r_{t-1}ᵀ",
        symptom="dU is made from the means of each frame, not of that before it.",
    ),
    _loops(
        name="means_two_frames_before",
        before='g["U"] += np.outer(dc, r[t - 1])',
        after='g["U"] += np.outer(dc, r[max(t - 2, 0)])',
        equation="dU = Σ_t g_t r_{t-1}ᵀ",
        symptom="dU looks two frames back: right only up to T = 2.",
    ),
    _loops(
        name="clipped_before_adding_up",
        before='g["U"] += np.outer(dc, r[t - 1])',
        after='g["U"] += clip_gradients({"U": np.outer(dc, r[t - 1])}, case.clip)["U"]',
        equation="clip(Σ_t g_t r_{t-1}ᵀ)",
        symptom="Each frame's part of dU is clipped by itself, then their sum once more.",
        clip="value",
    ),
    _loops(
        name="sample_left_out_of_db_v",
        before='g["b_v"] -= w[t] * negatives[t]',
        after='g["b_v"] -= 0',
        equation="db_v = Σ_t w_t (v_t - ṽ_t)",
        symptom="db_v has no negative phase.",
    ),
    _model(
        name="descent_in_db_v",
        before='"b_v": (w * (v - negatives)).sum(axis=0),',
        after='"b_v": (w * (negatives - v)).sum(axis=0),',
        equation="db_v = Σ_t w_t (v_t - ṽ_t)",
        symptom="db_v points down the likelihood, the others up.",
    ),
    _model(
        name="mean_over_frames",
        before='"b_v": (w * (v - negatives)).sum(axis=0),',
        after='"b_v": (w * (v - negatives)).mean(axis=0),',
        equation="db_v = Σ_t w_t (v_t - ṽ_t)",
        symptom="db_v is the mean over the frames, not the sum.",
    ),
    _model(
        name="last_frame_left_out_of_db_h",
        before='"b_h": g[1:].sum(axis=0),',
        after='"b_h": g[1:-1].sum(axis=0),',
        equation="t > 1: db_h = Σ_t g_t",
        symptom="The sum stops one frame short.",
    ),
    _model(
        name="hidden_bias_error_of_1e-9",
        before='"b_h": g[1:].sum(axis=0),',
        after='"b_h": g[1:].sum(axis=0) * (1 + 1e-9),',
        equation="t > 1: db_h = Σ_t g_t",
        symptom="db_h is wrong by 1e-9 of itself.",
    ),
    _model(
        name="initial_bias_of_all_frames",
        before='"b_init": g[0],',
        after='"b_init": g.sum(axis=0),',
        equation="t = 1: db_init = g_1",
        symptom="All frames count in db_init, not the first alone.",
    ),
    _model(
        name="initial_bias_without_the_carry",
        before='"b_init": g[0],',
        after='"b_init": (w * (r - h))[0],',
        equation="t = 1: db_init = g_1",
        symptom="db_init lacks what later frames carry back.",
    ),
    _model(
        name="norm_of_each_gradient",
        before="return clip_gradients(raw, case.clip) "
        '| {"loss": case["loss_weights"] @ difference}',
        after="clipped = {n: clip_gradients({n: raw[n]}, case.clip)[n] for n in raw}\n"
        'return clipped | {"loss": case["loss_weights"] @ difference}',
        equation="clip(dW, dU, db_v, db_h, db_init)",
        symptom="Each gradient is clipped by its own norm, not by that of all together.",
        clip="global-norm",
    ),
)
