"""Bugs of ``gru``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="gru")
_loops = partial(Mutant, system="gru", form="loops")

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
        before="dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        after="dhnext = (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        equation="dhnext = dh ⊙ z + da_r Whrᵀ + da_z Whzᵀ + dq Whnᵀ",
        symptom="Gradients go back in time through the gates only, not past them.",
    ),
    _model(
        name="gates_not_carried",
        before="dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        after='dhnext = dh * z + dq[t] @ case["Whn"].T',
        equation="dhnext = dh ⊙ z + da_r Whrᵀ + da_z Whzᵀ + dq Whnᵀ",
        symptom="Both gates count as constants on the way back in time.",
    ),
    _model(
        name="carried_past_the_reset_gate",
        before="dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        after="dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, da_n]).T).T",
        equation="dhnext = dh ⊙ z + da_r Whrᵀ + da_z Whzᵀ + dq Whnᵀ",
        symptom="The new state's gradient goes back in time without the reset gate.",
    ),
    _model(
        name="carried_by_the_other_gate",
        before="dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        after="dhnext = dh * (1 - z) + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        equation="dhnext = dh ⊙ z + da_r Whrᵀ + da_z Whzᵀ + dq Whnᵀ",
        symptom="The direct path has 1 - z where z belongs.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="dhnext = dh * z + (Wh @ np.hstack([da_r, da_z, dq[t]]).T).T",
        after="""\
        W = np.vstack([case["Whr"], case["Whz"], case["Whn"]])
        dhnext = dh * z + np.hstack([da_r, da_z, dq[t]]) @ W""",
        equation="dhnext = dh ⊙ z + da_r Whrᵀ + da_z Whzᵀ + dq Whnᵀ",
        symptom="What is carried back goes through the matrices, not their transposes.",
    ),
    _model(
        name="z_for_one_minus_z",
        before="da_n = dh * (1 - z) * (1 - n**2)",
        after="da_n = dh * z * (1 - n**2)",
        equation="da_n = dh ⊙ (1 - z) ⊙ (1 - n²)",
        symptom="The new state's gradient has the update gate the wrong way round.",
    ),
    _model(
        name="sign_of_the_update_gate",
        before="da_z = dh * (h[t] - n) * z * (1 - z)",
        after="da_z = dh * (n - h[t]) * z * (1 - z)",
        equation="da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)",
        symptom="The update gate's gradients have the wrong sign, as if h = (1-z) h + z n.",
    ),
    _model(
        name="new_state_left_out",
        before="da_z = dh * (h[t] - n) * z * (1 - z)",
        after="da_z = dh * h[t] * z * (1 - z)",
        equation="da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)",
        symptom="The update gate's gradient comes from the old state alone.",
    ),
    _loops(
        name="state_of_the_same_step_in_the_gate",
        before="dz = (dh * h[t - 1] - dh * n[t]) * (z[t] * (1 - z[t]))",
        after="dz = (dh * h[t] - dh * n[t]) * (z[t] * (1 - z[t]))",
        equation="da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)",
        symptom="The update gate's gradient is formed with the state after the step.",
    ),
    _loops(
        name="slope_of_n_taken_twice",
        before="dn = (dh - dh * z[t]) * ((1 - n[t]) * (1 + n[t]))",
        after="dn = (dh - dh * z[t]) * (1 - np.tanh(n[t]) ** 2)",
        equation="da_n = dh ⊙ (1 - z) ⊙ (1 - n²)",
        symptom="tanh' is taken at n, which is a tanh already.",
    ),
    _model(
        name="recurrent_bias_left_out",
        before="da_r = da_n * q[t] * r * (1 - r)",
        after='da_r = da_n * (q[t] - case["bhn"]) * r * (1 - r)',
        equation="da_r = da_n ⊙ q ⊙ r(1-r)",
        symptom="The reset gate's gradient knows of h Whn, but not of bhn.",
    ),
    _loops(
        name="reset_gate_on_the_state",
        before="dr = dn * q[t] * (r[t] * (1 - r[t]))",
        after='dr = (case["Whn"] @ dn) * h[t - 1] * (r[t] * (1 - r[t]))',
        equation="da_r = da_n ⊙ q ⊙ r(1-r)",
        symptom="Backwards the reset gate acts before the recurrent product, forwards after it.",
    ),
    _loops(
        name="slope_of_the_reset_gate_left_out",
        before="dr = dn * q[t] * (r[t] * (1 - r[t]))",
        after="dr = dn * q[t]",
        equation="da_r = da_n ⊙ q ⊙ r(1-r)",
        symptom="The reset gate's gradient is that of the gate, not of what its σ is taken of.",
    ),
    _model(
        name="reset_gate_left_out",
        before="dq[t] = da_n * r",
        after="dq[t] = da_n",
        equation="dq = da_n ⊙ r",
        symptom="Backwards the recurrent product is taken as if the reset gate were open.",
    ),
    _model(
        name="dbhn_like_dbxn",
        before='"bhn": q_rows.sum(axis=0),',
        after='"bhn": dbxn.copy(),',
        equation="dbhn = Σ_t Σ_rows dq",
        symptom="Both of the new state's biases get the gradient of the one outside the gate.",
    ),
    _loops(
        name="recurrent_weights_past_the_reset_gate",
        before='g["Whn"] += np.outer(h[t - 1], dq)',
        after='g["Whn"] += np.outer(h[t - 1], dn)',
        equation="dWhn = Σ_t h_{t-1}ᵀ dq",
        symptom="dWhn is formed without the reset gate.",
    ),
    _model(
        name="gates_exchanged",
        before="dbr, dbz, dbxn = np.split(rows.sum(axis=0), 3)",
        after="dbz, dbr, dbxn = np.split(rows.sum(axis=0), 3)",
        equation="db· = Σ_t Σ_rows da_·",
        symptom="The biases of the two gates get one another's gradient.",
    ),
    _model(
        name="biases_of_the_first_row",
        before="dbr, dbz, dbxn = np.split(rows.sum(axis=0), 3)",
        after="dbr, dbz, dbxn = da[:, 0].sum(axis=0)",
        equation="db· = Σ_t Σ_rows da_·",
        symptom="Three biases have the first sequence of the batch only.",
    ),
    _model(
        name="mean_over_the_batch",
        before="dbr, dbz, dbxn = np.split(rows.sum(axis=0), 3)",
        after="dbr, dbz, dbxn = da.sum(axis=0).mean(axis=0)",
        equation="db· = Σ_t Σ_rows da_·",
        symptom="Three biases have the mean over the batch where its sum belongs.",
    ),
    _model(
        name="recurrent_weights_transposed",
        before='"Whr": dWhr.T,',
        after='"Whr": dWhr,',
        equation="dWhr = Σ_t h_{t-1}ᵀ da_r",
        symptom="dWhr is returned as its transpose, which has the same shape.",
    ),
    _loops(
        name="state_of_the_same_step",
        before='g["Whz"] += np.outer(h[t - 1], dz)',
        after='g["Whz"] += np.outer(h[t], dz)',
        equation="dWhz = Σ_t h_{t-1}ᵀ da_z",
        symptom="dWhz is made from the state after each step, not from that before it.",
    ),
    _loops(
        name="dx_without_the_new_state",
        before='dx[t] = case["Wxn"] @ dn + case["Wxz"] @ dz + case["Wxr"] @ dr',
        after='dx[t] = case["Wxz"] @ dz + case["Wxr"] @ dr',
        equation="dx_t = da_r Wxrᵀ + da_z Wxzᵀ + da_n Wxnᵀ",
        symptom="The inputs hear of the gates, but not of the new state.",
    ),
    _loops(
        name="last_step_left_out",
        before="for t in reversed(range(length)):",
        after="for t in reversed(range(length - 1)):",
        equation="dWx· = Σ_t x_tᵀ da_·",
        symptom="The loop begins one step too late.",
    ),
    _loops(
        name="assigned_instead_of_added",
        before='g["bhn"] += dq',
        after='g["bhn"] = dq',
        equation="dbhn = Σ_t Σ_rows dq",
        symptom="dbhn keeps what the first step adds to it, and nothing else.",
    ),
    _loops(
        name="returned_from_inside_the_loop",
        before="""\
        dh = case["Whr"] @ dr + case["Whz"] @ dz + case["Whn"] @ dq + z[t] * dh
        return g | {"h0": dh, "x": dx}""",
        after="""\
        dh = case["Whr"] @ dr + case["Whz"] @ dz + case["Whn"] @ dq + z[t] * dh
        return g | {"h0": dh, "x": dx}""",
        equation="dWx· = Σ_t x_tᵀ da_·",
        symptom="The return is indented too far: only the last step is gone back through.",
    ),
    _loops(
        name="buffers_never_cleared",
        before='total = {name: np.zeros_like(case[name]) for name in (*WEIGHTS, "h0", "x")}',
        after="""\
        zeros = {name: np.zeros_like(case[name]) for name in (*WEIGHTS, "h0", "x")}
        total = vars(gradients).setdefault(str(case.dims), zeros)""",
        equation="dWx· = Σ_t x_tᵀ da_·",
        symptom="Gradients are added to those of the last call with the same sizes.",
    ),
    _model(
        name="recurrent_error_of_1e-9",
        before='"Whn": of_h.T @ q_rows,',
        after='"Whn": of_h.T @ q_rows * (1 + 1e-9),',
        equation="dWhn = Σ_t h_{t-1}ᵀ dq",
        symptom="dWhn is wrong by 1e-9 of itself.",
    ),
    _model(
        name="product_in_single_precision",
        before='"x": per_step(da.reshape(T, B, 3 * H), Wx.T),',
        after='"x": per_step(da.reshape(T, B, 3 * H).astype(np.float32), Wx.T),',
        equation="dx_t = da_r Wxrᵀ + da_z Wxzᵀ + da_n Wxnᵀ",
        symptom="dx is formed from numbers of single precision.",
    ),
    _loops(
        name="slope_of_a_gate_that_saturates",
        before="dz = (dh * h[t - 1] - dh * n[t]) * (z[t] * (1 - z[t]))",
        after="""\
        saturated = (z[t] < 1e-4) | (z[t] > 1 - 1e-4)
        dz = np.where(saturated, 0, (dh * h[t - 1] - dh * n[t]) * (z[t] * (1 - z[t])))""",
        equation="da_z = dh ⊙ (h_{t-1} - n) ⊙ z(1-z)",
        symptom="An update gate near 0 or 1 gets no gradient at all.",
    ),
    _model(
        name="recurrent_bias_not_clipped",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""\
        covered = [name for name in WEIGHTS if name != "bhn"]
        clipped = clip_gradients({name: raw[name] for name in covered}, case.clip)""",
        equation="clip(…, dWhn, dbhn)",
        symptom="dbhn is handed on as it is.",
        clip="value",
    ),
    _model(
        name="epsilon_in_the_norm",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""\
        c = case.clip.threshold or np.inf
        norms = {name: np.linalg.norm(raw[name]) for name in WEIGHTS}
        clipped = {n: raw[n] * np.minimum(1, c / (norms[n] + 1e-6)) for n in WEIGHTS}""",
        equation="g · c / ‖g‖ where ‖g‖ > c",
        symptom="1e-6 is added to every norm, so that gradients come out a little too short.",
        clip="norm",
    ),
)
