"""Bugs of ``lstm``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="lstm")
_loops = partial(Mutant, system="lstm", form="loops")

MUTANTS = (
    _model(
        name="hidden_carry_dropped",
        before="dh = G[t] + dhnext",
        after="dh = G[t]",
        equation="dh = G_t + dhnext",
        symptom="Gradients go back in time through the cell only, not through the gates.",
    ),
    _model(
        name="cell_carry_dropped",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = G_c[t] + dh * o * (1 - tanh_c**2)",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="Gradients go back in time through the gates only, not through the cell.",
    ),
    _model(
        name="hidden_path_into_the_cell_dropped",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = G_c[t] + dcnext",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="The cell hears of the last cell's gradient, but of no hidden state's.",
    ),
    _model(
        name="last_cells_gradient_forgotten",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = dcnext + dh * o * (1 - tanh_c**2)",
        equation="dcnext = G_cT after the last step",
        symptom="A gradient that comes in at the last cell is lost.",
    ),
    _model(
        name="cell_carry_before_the_slope",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = G_c[t] + (dcnext + dh * o) * (1 - tanh_c**2)",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="What the cell carries is multiplied by tanh' at every step.",
    ),
    _model(
        name="cell_carried_one_step_only",
        before="dcnext = dc * f",
        after="dcnext = dh * o * (1 - tanh_c**2) * f",
        equation="dcnext = dc ⊙ f",
        symptom="The cell's gradient goes back one step and no further.",
    ),
    _model(
        name="forget_gate_of_the_step_before",
        before="dcnext = dc * f",
        after="dcnext = dc * gates[max(t - 1, 0), :, 1]",
        equation="dcnext = dc ⊙ f",
        symptom="The cell is carried by the forget gate of t-1, but for the first step.",
    ),
    _model(
        name="cell_carried_by_the_input_gate",
        before="dcnext = dc * f",
        after="dcnext = dc * i",
        equation="dcnext = dc ⊙ f",
        symptom="The cell's gradient goes back through the wrong gate.",
    ),
    _model(
        name="slope_of_the_cell_left_out",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = G_c[t] + dcnext + dh * o",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="The tanh after the cell is taken for the identity.",
    ),
    _model(
        name="slope_at_h_for_that_at_the_cell",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = G_c[t] + dcnext + dh * o * (1 - h[t + 1] ** 2)",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="tanh' is formed from h, in which the output gate is already.",
    ),
    _model(
        name="output_gate_left_out",
        before="dc = G_c[t] + dcnext + dh * o * (1 - tanh_c**2)",
        after="dc = G_c[t] + dcnext + dh * (1 - tanh_c**2)",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="The cell gets the hidden state's gradient as if the output gate were open.",
    ),
    _model(
        name="cell_for_its_tanh",
        before="do = dh * tanh_c * o * (1 - o)",
        after="do = dh * c[t + 1] * o * (1 - o)",
        equation="do = dh ⊙ tanh(c_t)",
        symptom="The output gate's gradient is formed with the cell before its tanh.",
    ),
    _loops(
        name="new_cell_for_the_old_one",
        before="df = dc * c[t - 1] * (f[t] * (1 - f[t]))",
        after="df = dc * c[t] * (f[t] * (1 - f[t]))",
        equation="df = dc ⊙ c_{t-1}",
        symptom="The forget gate's gradient is formed with the cell after the step.",
    ),
    _loops(
        name="slope_of_g_taken_twice",
        before="dg = dc * i[t] * ((1 - g[t]) * (1 + g[t]))",
        after="dg = dc * i[t] * (1 - np.tanh(g[t]) ** 2)",
        equation="dz_t = (…, dg ⊙ (1-g²), …)",
        symptom="tanh' is taken at g, which is a tanh already.",
    ),
    _loops(
        name="input_and_forget_gate_exchanged",
        before="db += np.stack([di, df, dg, do])",
        after="db += np.stack([df, di, dg, do])",
        equation="i, f, g, o = σ, σ, tanh, σ of (x_t Wx + h_{t-1} Wh + b)",
        symptom="The biases of two gates get one another's gradient.",
    ),
    _model(
        name="gates_in_another_order",
        before="i, f, g, o = gates[t].swapaxes(0, 1)\ntanh_c = np.tanh(c[t + 1])",
        after="i, f, o, g = gates[t].swapaxes(0, 1)\ntanh_c = np.tanh(c[t + 1])",
        equation="i, f, g, o = σ, σ, tanh, σ of (x_t Wx + h_{t-1} Wh + b)",
        symptom="Forwards the gates are i, f, g, o; backwards they are i, f, o, g.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="dhnext = (Wh @ dz[t].reshape(B, -1).T).T",
        after='dhnext = np.einsum("bgk,kgh->bh", dz[t], case["Wh"])',
        equation="dhnext = dz_t Whᵀ",
        symptom="What is carried back goes through each gate's matrix, not its transpose.",
    ),
    _loops(
        name="output_gate_not_carried",
        before="dxh = W[0] @ di + W[1] @ df + W[2] @ dg + W[3] @ do",
        after="dxh = W[0] @ di + W[1] @ df + W[2] @ dg",
        equation="dhnext = dz_t Whᵀ, dx_t = dz_t Wxᵀ",
        symptom="One of four gates hands nothing on to h and x.",
    ),
    _model(
        name="state_of_the_same_step",
        before='"Wh": (h[:-1].reshape(T * B, H).T @ rows).reshape(H, 4, H),',
        after='"Wh": (h[1:].reshape(T * B, H).T @ rows).reshape(H, 4, H),',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="dWh is made from the states after each step, not from those before it.",
    ),
    _model(
        name="state_wraps_at_the_first_step",
        before='"Wh": (h[:-1].reshape(T * B, H).T @ rows).reshape(H, 4, H),',
        after='"Wh": (np.roll(h[1:], 1, axis=0).reshape(T * B, H).T @ rows).reshape(H, 4, H),',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="At the first step h[t-1] is the last state instead of the initial one.",
    ),
    _model(
        name="bias_of_the_first_row",
        before='"b": rows.sum(axis=0).reshape(4, H),',
        after='"b": dz[:, 0].sum(axis=0),',
        equation="db = Σ_t Σ_rows dz_t",
        symptom="db has the first sequence of the batch only.",
    ),
    _model(
        name="bias_error_of_1e-12",
        before='"b": rows.sum(axis=0).reshape(4, H),',
        after='"b": rows.sum(axis=0).reshape(4, H) * (1 + 1e-12),',
        equation="db = Σ_t Σ_rows dz_t",
        symptom="db is wrong by 1e-12 of itself.",
    ),
    _model(
        name="dc0_before_the_forget_gate",
        before='"c0": dcnext,',
        after='"c0": dc,',
        equation="dc0 = dcnext after the first step",
        symptom="dc0 is the gradient of the first cell, not of the one before it.",
    ),
    _model(
        name="dx_right_only_where_D_is_H",
        before='"x": per_step(dz.reshape(T, B, 4 * H), Wx.T),',
        after='"x": per_step(dz.reshape(T, B, 4 * H), Wx.T) * (H / len(Wx)),',
        equation="dx_t = dz_t Wxᵀ",
        symptom="dx is scaled by H / D, which shows only where those differ.",
    ),
    _loops(
        name="first_step_left_out",
        before="for t in reversed(range(length)):",
        after="for t in reversed(range(1, length)):",
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="The loop ends one step too early.",
    ),
    _loops(
        name="truncated_after_four_steps",
        before="for t in reversed(range(length)):",
        after="for t in reversed(range(max(0, length - 4), length)):",
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="Only the last four steps of a sequence are gone back through.",
    ),
    _loops(
        name="assigned_instead_of_added",
        before="dW[2] += np.outer(xh[t], dg)",
        after="dW[2] = np.outer(xh[t], dg)",
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="One gate's matrices keep the gradient of the first step only.",
    ),
    _model(
        name="cell_in_single_precision",
        before="tanh_c = np.tanh(c[t + 1])",
        after="tanh_c = np.tanh(c[t + 1].astype(np.float32))",
        equation="dc = dcnext + dh ⊙ o ⊙ (1 - tanh²(c_t))",
        symptom="The cells are kept in single precision for the backward pass.",
    ),
    _loops(
        name="slope_that_never_vanishes",
        before="df = dc * c[t - 1] * (f[t] * (1 - f[t]))",
        after="df = dc * c[t - 1] * np.maximum(f[t] * (1 - f[t]), 1e-8)",
        equation="dz_t = (…, df ⊙ f(1-f), …)",
        symptom="A floor under σ', which shows only where a gate saturates.",
    ),
    _model(
        name="single_step_without_dh0",
        before='"h0": dhnext,',
        after='"h0": dhnext if T > 1 else np.zeros_like(dhnext),',
        equation="dh0 = dhnext after the first step",
        symptom="A sequence of a single step gives no gradient to the initial state.",
    ),
    _model(
        name="global_norm_without_the_bias",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""\
        clipped = clip_gradients({name: raw[name] for name in ("Wx", "Wh")}, case.clip)
        clipped["b"] = clip_gradients({"b": raw["b"]}, case.clip)["b"]""",
        equation="clip(dWx, dWh, db)",
        symptom="The bias is clipped apart, so that neither part knows the norm of all.",
        clip="global-norm",
    ),
    _loops(
        name="clipped_before_it_is_added_up",
        before="of_row = gradients_of_row(case, row, length)",
        after="""\
        of_row = gradients_of_row(case, row, length)
        of_row |= clip_gradients({name: of_row[name] for name in WEIGHTS}, case.clip)""",
        equation="clip(dWx, dWh, db)",
        symptom="Each sequence's gradients are clipped, and their sum once more.",
        clip="norm",
    ),
    _model(
        name="gradients_after_a_sequences_end",
        before="raw = backward(case, states, G, G_c)",
        after='raw = backward(case, states, case["G"], G_c)',
        equation="L = Σ_t ⟨G_t, h_t⟩ + ⟨G_cT, c_T⟩",
        symptom="What comes after a sequence's end has gradients too.",
        lengths=True,
    ),
    _model(
        name="last_cell_after_the_padding",
        before="raw = backward(case, states, G, G_c)",
        after="""\
        G_c_padded = np.concatenate([np.zeros_like(G_c[1:]), case["G_cT"][None]])
        raw = backward(case, states, G, G_c_padded)""",
        equation="dcnext = G_cT after the last step",
        symptom="The last cell's gradient comes in after the padding, not at a sequence's end.",
        lengths=True,
    ),
)
