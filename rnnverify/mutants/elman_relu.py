"""Bugs of ``elman_relu``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="elman_relu")
_loops = partial(Mutant, system="elman_relu", form="loops")

MUTANTS = (
    _model(
        name="carry_dropped",
        before="dz[t] = on[t] * (G[t] + dhnext)",
        after="dz[t] = on[t] * G[t]",
        equation="dh_t = G_t + dhnext",
        symptom="Each loss reaches only its own step: nothing is carried back in time.",
    ),
    _model(
        name="slope_on_the_upstream_gradient_only",
        before="dz[t] = on[t] * (G[t] + dhnext)",
        after="dz[t] = on[t] * G[t] + dhnext",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="What is carried back also goes through units that are off.",
    ),
    _model(
        name="gradient_rectified_too",
        before="dz[t] = on[t] * (G[t] + dhnext)",
        after="dz[t] = on[t] * np.maximum(G[t] + dhnext, 0)",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="Gradients below zero are lost, as in guided backpropagation.",
    ),
    _loops(
        name="mask_of_the_gradient",
        before="dz[z[t] <= 0] = 0",
        after="dz[dz <= 0] = 0",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="The mask is made from the gradient's sign instead of that of z.",
    ),
    _model(
        name="mask_of_the_state_before",
        before="on = h[1:] > 0",
        after="on = h[:-1] > 0",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="The mask is that of the state before each step.",
    ),
    _model(
        name="slope_left_out",
        before="on = h[1:] > 0",
        after="on = np.ones_like(h[1:])",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="Units that are off pass gradient on.",
    ),
    _model(
        name="state_for_its_slope",
        before="on = h[1:] > 0",
        after="on = h[1:]",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="The rectified value stands in for its slope.",
    ),
    _model(
        name="leaky_backwards",
        before="on = h[1:] > 0",
        after="on = np.where(h[1:] > 0, 1, 0.01)",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="The slope is that of a leaky unit, while the units do not leak.",
    ),
    _model(
        name="slope_of_relu6",
        before="on = h[1:] > 0",
        after="on = (h[1:] > 0) & (h[1:] < 6)",
        equation="dz_t = [h_t > 0] ⊙ dh_t",
        symptom="Wrong only where a unit goes beyond 6, as if it saturated there.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="dhnext = dz[t] @ Wh.T",
        after="dhnext = dz[t] @ Wh",
        equation="dhnext = dz_t Whᵀ",
        symptom="What is carried back goes through Wh instead of its transpose.",
    ),
    _model(
        name="carry_clipped_at_each_step",
        before="dhnext = dz[t] @ Wh.T",
        after='dhnext = clip_gradients({"h": dz[t] @ Wh.T}, case.clip)["h"]',
        equation="dhnext = dz_t Whᵀ",
        symptom="The carry is clipped on its way back, not only the finished gradients.",
        clip="value",
    ),
    _model(
        name="same_state_for_the_one_before",
        before='"Wh": h[:-1].reshape(len(rows), -1).T @ rows,',
        after='"Wh": h[1:].reshape(len(rows), -1).T @ rows,',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="dWh is made from the state after each step, not from that before it.",
    ),
    _model(
        name="recurrent_gradient_in_float32",
        before='"Wh": h[:-1].reshape(len(rows), -1).T @ rows,',
        after='"Wh": h[:-1].astype(np.float32).reshape(len(rows), -1).T @ rows,',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="The states are rounded to float32, which costs half of dWh's digits.",
    ),
    _model(
        name="reshaped_for_transposed",
        before='"Wx": x.reshape(len(rows), -1).T @ rows,',
        after='"Wx": x.reshape(-1, len(rows)) @ rows,',
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="x is reshaped where it should be transposed: right shape, wrong order.",
    ),
    _model(
        name="input_error_of_1e-9",
        before='"Wx": x.reshape(len(rows), -1).T @ rows,',
        after='"Wx": x.reshape(len(rows), -1).T @ rows * (1 + 1e-9),',
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="dWx is wrong by 1e-9 of itself.",
    ),
    _model(
        name="bias_of_the_first_row",
        before='"b": rows.sum(axis=0),',
        after='"b": dz[:, 0].sum(axis=0),',
        equation="db = Σ_t Σ_rows dz_t",
        symptom="db is that of the batch's first sequence.",
    ),
    _model(
        name="initial_state_from_the_last_step",
        before='"h0": dhnext,',
        after='"h0": dz[-1] @ Wh.T,',
        equation="dh0 = dz_1 Whᵀ",
        symptom="dh0 is what the last step carries back: right only at T = 1.",
    ),
    _model(
        name="dx_through_the_slope_alone",
        before='"x": per_step(dz, Wx.T),',
        after='"x": per_step(on * G, Wx.T),',
        equation="dx_t = dz_t Wxᵀ",
        symptom="dx lacks what later steps carry back.",
    ),
    _model(
        name="dx_scaled_by_the_sizes",
        before='"x": per_step(dz, Wx.T),',
        after='"x": per_step(dz, Wx.T) * Wx.shape[1] / Wx.shape[0],',
        equation="dx_t = dz_t Wxᵀ",
        symptom="A mean over D meets a sum over H: wrong only where D is not H.",
    ),
    _loops(
        name="sequence_assigned",
        before="dW += backward(case, W, g, row, length)",
        after="dW = backward(case, W, g, row, length)",
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="Only the batch's last sequence counts in the weights.",
    ),
    _loops(
        name="return_inside_the_loop",
        before='g["x"][t, row] = dxh1[:D]\ng["h0"][row] = dh\nreturn dW',
        after='g["x"][t, row] = dxh1[:D]\ng["h0"][row] = dh\nreturn dW',
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="Only each sequence's last step counts: the function returns after it.",
    ),
    _model(
        name="epsilon_in_the_norm",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="length = np.linalg.norm(np.concatenate([raw[name].ravel() for name in WEIGHTS]))\n"
        "scale = min(1, (case.clip.threshold or np.inf) / (length + 1e-6))\n"
        "clipped = {name: raw[name] * scale for name in WEIGHTS}",
        equation="clip(dWx, dWh, db)",
        symptom="An epsilon in the norm makes clipped gradients a little too short.",
        clip="global-norm",
    ),
    _model(
        name="divided_by_a_norm_of_zero",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="length = {name: np.linalg.norm(raw[name]) for name in WEIGHTS}\n"
        "longest = case.clip.threshold or np.inf\n"
        'with np.errstate(invalid="ignore"):\n'
        "    unit = {name: raw[name] / length[name] for name in WEIGHTS}\n"
        "clipped = {name: unit[name] * min(length[name], longest) for name in WEIGHTS}",
        equation="clip(dWx, dWh, db)",
        symptom="Wrong only where a gradient is zero: divided by its norm, it is NaN.",
        clip="norm",
    ),
)
