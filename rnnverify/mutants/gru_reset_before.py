"""Bugs of ``gru_reset_before``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="gru_reset_before")
_loops = partial(Mutant, system="gru_reset_before", form="loops")

MUTANTS = (
    _model(
        name="carry_dropped",
        before="dh = G[t] + dhnext",
        after="dh = G[t]",
        equation="dh = G_t + dhnext",
        symptom="Each step's gradient stays in its step: nothing is carried back in time.",
    ),
    _model(
        name="direct_carry_dropped",
        before="dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ Wh.T",
        after="dhnext = drh * r[t] + da[t, :, : 2 * H] @ Wh.T",
        equation="dhnext = dh ⊙ z + drh ⊙ r + da_r Whrᵀ + da_z Whzᵀ",
        symptom="Gradients go back in time through the gates only, not past them.",
    ),
    _model(
        name="new_state_not_carried",
        before="dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ Wh.T",
        after="dhnext = dh * z[t] + da[t, :, : 2 * H] @ Wh.T",
        equation="dhnext = dh ⊙ z + drh ⊙ r + da_r Whrᵀ + da_z Whzᵀ",
        symptom="What the reset gate lets through is not carried back in time.",
    ),
    _model(
        name="gates_not_carried",
        before="dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ Wh.T",
        after="dhnext = dh * z[t] + drh * r[t]",
        equation="dhnext = dh ⊙ z + drh ⊙ r + da_r Whrᵀ + da_z Whzᵀ",
        symptom="Both gates count as constants on the way back in time.",
    ),
    _model(
        name="carried_past_the_reset_gate",
        before="dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ Wh.T",
        after="dhnext = dh * z[t] + drh + da[t, :, : 2 * H] @ Wh.T",
        equation="dhnext = dh ⊙ z + drh ⊙ r + da_r Whrᵀ + da_z Whzᵀ",
        symptom="The gradient of r ⊙ h is handed on as that of h.",
    ),
    _model(
        name="reset_gate_after_the_product",
        before="drh = da_n @ Whn.T",
        after="drh = (da_n * r[t]) @ Whn.T",
        equation="drh = da_n Whnᵀ",
        symptom="Backwards the reset gate acts after the recurrent product too.",
    ),
    _model(
        name="new_states_matrix_not_transposed",
        before="drh = da_n @ Whn.T",
        after="drh = da_n @ Whn",
        equation="drh = da_n Whnᵀ",
        symptom="What is carried back goes through Whn instead of its transpose.",
    ),
    _model(
        name="gates_matrices_not_transposed",
        before="dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ Wh.T",
        after="""\
        W = np.vstack([case["Whr"], case["Whz"]])
        dhnext = dh * z[t] + drh * r[t] + da[t, :, : 2 * H] @ W""",
        equation="dhnext = dh ⊙ z + drh ⊙ r + da_r Whrᵀ + da_z Whzᵀ",
        symptom="What the gates carry back goes through their matrices as they are.",
    ),
    _model(
        name="sign_of_the_update_gate",
        before="slope_n, slope_z = (1 - z) * (1 - n**2), (h[:-1] - n) * z * (1 - z)",
        after="slope_n, slope_z = (1 - z) * (1 - n**2), (n - h[:-1]) * z * (1 - z)",
        equation="da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)",
        symptom="The update gate's gradients have the wrong sign, as if h = (1-z) h + z n.",
    ),
    _model(
        name="update_gate_left_out",
        before="slope_n, slope_z = (1 - z) * (1 - n**2), (h[:-1] - n) * z * (1 - z)",
        after="slope_n, slope_z = 1 - n**2, (h[:-1] - n) * z * (1 - z)",
        equation="da_n = dh ⊙ (1 - z) ⊙ (1 - n²)",
        symptom="The new state gets all of the gradient, not the update gate's share.",
    ),
    _loops(
        name="slope_at_the_state",
        before="dn = dh * (1 - z[t]) * (1 - n[t] * n[t])",
        after="dn = dh * (1 - z[t]) * (1 - h[t] * h[t])",
        equation="da_n = dh ⊙ (1 - z) ⊙ (1 - n²)",
        symptom="tanh' is formed from h after the step, in which the update gate is already.",
    ),
    _loops(
        name="sign_of_the_update_gates_slope",
        before="dz = dh * (h[t - 1] - n[t]) * (z[t] - z[t] * z[t])",
        after="dz = dh * (h[t - 1] - n[t]) * (z[t] + z[t] * z[t])",
        equation="da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)",
        symptom="σ' is taken to be z + z² instead of z - z².",
    ),
    _model(
        name="state_of_the_same_step_in_the_gate",
        before="slope_r = h[:-1] * r * (1 - r)",
        after="slope_r = h[1:] * r * (1 - r)",
        equation="da_r = drh ⊙ h_{t-1} ⊙ r(1-r)",
        symptom="The reset gate's gradient is formed with the state after the step.",
    ),
    _model(
        name="slope_of_the_reset_gate_left_out",
        before="slope_r = h[:-1] * r * (1 - r)",
        after="slope_r = h[:-1]",
        equation="da_r = drh ⊙ h_{t-1} ⊙ r(1-r)",
        symptom="The reset gate's gradient is that of the gate, not of what its σ is taken of.",
    ),
    _loops(
        name="reset_gate_wraps_at_the_first_step",
        before="dr = drh * h[t - 1] * (r[t] - r[t] * r[t])",
        after="dr = drh * h[(t - 1) % length] * (r[t] - r[t] * r[t])",
        equation="da_r = drh ⊙ h_{t-1} ⊙ r(1-r)",
        symptom="At the first step h[t-1] is the last state instead of the initial one.",
    ),
    _loops(
        name="state_past_the_reset_gate",
        before="dWn += np.outer(xrh, dn)",
        after="dWn += np.outer(xh, dn)",
        equation="dWhn = Σ_t (r ⊙ h_{t-1})ᵀ da_n",
        symptom="dWhn is made from h where r ⊙ h belongs.",
    ),
    _model(
        name="state_of_the_same_step",
        before="of_x, of_h, of_rh = (each.reshape(T * B, -1) for each in (x, h[:-1], r * h[:-1]))",
        after="of_x, of_h, of_rh = (each.reshape(T * B, -1) for each in (x, h[1:], r * h[:-1]))",
        equation="dWhr = Σ_t h_{t-1}ᵀ da_r, dWhz likewise",
        symptom="dWhr and dWhz are made from the states after each step.",
    ),
    _model(
        name="gates_exchanged",
        before="dWhr, dWhz = np.split(rows[:, : 2 * H].T @ of_h, 2)",
        after="dWhz, dWhr = np.split(rows[:, : 2 * H].T @ of_h, 2)",
        equation="dWhr = Σ_t h_{t-1}ᵀ da_r, dWhz likewise",
        symptom="The recurrent weights of the two gates get one another's gradient.",
    ),
    _model(
        name="bias_of_the_last_step",
        before='"bn": dbn,',
        after='"bn": da[-1, :, 2 * H :].sum(axis=0),',
        equation="db· = Σ_t Σ_rows da_·",
        symptom="dbn has the last step only, where the sum over all belongs.",
    ),
    _model(
        name="mean_over_the_steps",
        before='"bn": dbn,',
        after='"bn": dbn / T,',
        equation="db· = Σ_t Σ_rows da_·",
        symptom="dbn has the mean over the steps where their sum belongs.",
    ),
    _model(
        name="dh0_before_the_recurrence",
        before='"h0": dhnext,',
        after='"h0": dh,',
        equation="dh0 = dhnext after the first step",
        symptom="dh0 is the gradient of the first state, not of the one before it.",
    ),
    _loops(
        name="dx_of_the_gates_only",
        before="dx[t] = dxrh[:D] + dxh[:D]",
        after="dx[t] = dxh[:D]",
        equation="dx_t = da_r Wxrᵀ + da_z Wxzᵀ + da_n Wxnᵀ",
        symptom="The inputs hear of the gates, but not of the new state.",
    ),
    _loops(
        name="one_sequence_of_the_batch",
        before="total[name] += of_row[name]",
        after="total[name] = of_row[name]",
        equation="db· = Σ_t Σ_rows da_·",
        symptom="The last sequence of the batch overwrites what the others gave.",
    ),
    _loops(
        name="loop_back_to_the_second_step",
        before="for t in reversed(range(length)):",
        after="for t in range(length - 1, 0, -1):",
        equation="dWx· = Σ_t x_tᵀ da_·",
        symptom="The loop ends one step too early, and has nothing to do if there is one step.",
    ),
    _loops(
        name="carry_dropped_every_fifth_step",
        before="dh = dh + G[t]",
        after="dh = G[t] if t % 5 == 4 else dh + G[t]",
        equation="dh = G_t + dhnext",
        symptom="The sequence is cut into chunks of five steps, each gone back through alone.",
    ),
    _loops(
        name="slope_of_a_gate_that_saturates",
        before="dr = drh * h[t - 1] * (r[t] - r[t] * r[t])",
        after="""\
        gate = np.clip(r[t], 1e-3, 1 - 1e-3)
        dr = drh * h[t - 1] * (gate - gate * gate)""",
        equation="da_r = drh ⊙ h_{t-1} ⊙ r(1-r)",
        symptom="A reset gate near 0 or 1 is kept away from them, so that its slope is wrong.",
    ),
    _model(
        name="input_error_of_1e-6",
        before='"Wxr": dWxr.T,',
        after='"Wxr": dWxr.T * (1 + 1e-6),',
        equation="dWx· = Σ_t x_tᵀ da_·",
        symptom="dWxr is wrong by 1e-6 of itself.",
    ),
    _model(
        name="gated_state_in_single_precision",
        before='"Whn": of_rh.T @ rows[:, 2 * H :],',
        after='"Whn": of_rh.astype(np.float32).T @ rows[:, 2 * H :],',
        equation="dWhn = Σ_t (r ⊙ h_{t-1})ᵀ da_n",
        symptom="r ⊙ h is kept in single precision for dWhn.",
    ),
    _loops(
        name="clipped_one_by_one",
        before="return total | clip_gradients({name: total[name] for name in WEIGHTS}, case.clip)",
        after="""\
        for name in WEIGHTS:
            total |= clip_gradients({name: total[name]}, case.clip)
        return total""",
        equation="clip(dWxr, …, dbn)",
        symptom="Each gradient is clipped by its own norm, not by that of all.",
        clip="global-norm",
    ),
    _model(
        name="carry_clipped_at_every_step",
        before="dh = G[t] + dhnext",
        after='dh = clip_gradients({"h": G[t] + dhnext}, case.clip)["h"]',
        equation="clip(dWxr, …, dbn)",
        symptom="What is carried back is clipped at every step, not only the sums at the end.",
        clip="value",
    ),
)
