"""Bugs of ``elman``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="elman")
_loops = partial(Mutant, system="elman", form="loops")

MUTANTS = (
    _model(
        name="carry_dropped",
        before="dz[t] = slope[t] * (G[t] + dhnext)",
        after="dz[t] = slope[t] * G[t]",
        equation="dh_t = G_t + dhnext",
        symptom="Each loss reaches only its own step: nothing is carried back in time.",
    ),
    _model(
        name="slope_on_the_upstream_gradient_only",
        before="dz[t] = slope[t] * (G[t] + dhnext)",
        after="dz[t] = slope[t] * G[t] + dhnext",
        equation="dz_t = (1 - h_t²) ⊙ dh_t",
        symptom="What is carried back goes past tanh as if its slope were 1.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="dhnext = dz[t] @ Wh.T",
        after="dhnext = dz[t] @ Wh",
        equation="dhnext = dz_t Whᵀ",
        symptom="What is carried back goes through Wh instead of its transpose.",
    ),
    _model(
        name="slope_of_the_state_before",
        before="slope = 1 - h[1:] ** 2",
        after="slope = 1 - h[:-1] ** 2",
        equation="dz_t = (1 - h_t²) ⊙ dh_t",
        symptom="The slope is that of the state before each step.",
    ),
    _model(
        name="tanh_taken_twice",
        before="slope = 1 - h[1:] ** 2",
        after="slope = 1 - np.tanh(h[1:]) ** 2",
        equation="dz_t = (1 - h_t²) ⊙ dh_t",
        symptom="The slope is computed from h as if it were z, so it is too large.",
    ),
    _model(
        name="slope_kept_from_vanishing",
        before="slope = 1 - h[1:] ** 2",
        after="slope = np.maximum(1 - h[1:] ** 2, 1e-6)",
        equation="dz_t = (1 - h_t²) ⊙ dh_t",
        symptom="Wrong only where a unit saturates: its slope is never below 1e-6.",
    ),
    _model(
        name="first_state_wraps",
        before='"Wh": h[:-1].reshape(len(rows), -1).T @ rows,',
        after='"Wh": np.roll(h[1:], 1, axis=0).reshape(len(rows), -1).T @ rows,',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="h[t-1] at t = 0 is the last state instead of the initial one.",
    ),
    _loops(
        name="same_state_for_the_one_before",
        before='g["Wh"] += np.outer(h[t - 1], dz)',
        after='g["Wh"] += np.outer(h[t], dz)',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="dWh is made from the state after each step, not from that before it.",
    ),
    _loops(
        name="recurrent_gradient_transposed",
        before='g["Wh"] += np.outer(h[t - 1], dz)',
        after='g["Wh"] += np.outer(dz, h[t - 1])',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="dWh comes out transposed, as for weights that act on columns.",
    ),
    _loops(
        name="recurrent_gradient_assigned",
        before='g["Wh"] += np.outer(h[t - 1], dz)',
        after='g["Wh"] = np.outer(h[t - 1], dz)',
        equation="dWh = Σ_t h_{t-1}ᵀ dz_t",
        symptom="Only the last sequence's first step is left of dWh.",
    ),
    _loops(
        name="clipped_before_adding_up",
        before='g["Wh"] += np.outer(h[t - 1], dz)',
        after='part = clip_gradients({"Wh": np.outer(h[t - 1], dz)}, case.clip)\n'
        'g["Wh"] += part["Wh"]',
        equation="clip(Σ_t h_{t-1}ᵀ dz_t)",
        symptom="Each step's part of dWh is clipped by itself, then their sum once more.",
        clip="value",
    ),
    _loops(
        name="first_step_left_out",
        before="for t in reversed(range(length)):",
        after="for t in reversed(range(1, length)):",
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="The loop ends one step early, so the first step gives nothing.",
    ),
    _loops(
        name="first_sequence_only",
        before="add_row(case, g, row, length)\n"
        "return g | clip_gradients({name: g[name] for name in WEIGHTS}, case.clip)",
        after="add_row(case, g, row, length)\n"
        "return g | clip_gradients({name: g[name] for name in WEIGHTS}, case.clip)",
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="The return is inside the loop: only the batch's first sequence counts.",
    ),
    _loops(
        name="carry_of_the_sequence_before",
        before='dhnext = np.zeros_like(case["h0"][row])',
        after='dhnext = g["h0"][row - 1].copy()',
        equation="dhnext = 0 after the last step",
        symptom="Each sequence starts with what the one before it has carried back.",
    ),
    _loops(
        name="last_row_in_all_rows_of_dx",
        before='g["x"][t, row] = Wx @ dz',
        after='g["x"][t] = Wx @ dz',
        equation="dx_t = dz_t Wxᵀ",
        symptom="All sequences get the last one's dx.",
    ),
    _model(
        name="detached_every_four_steps",
        before="dhnext = dz[t] @ Wh.T",
        after="dhnext = dz[t] @ Wh.T if t % 4 or t == 0 else np.zeros_like(h[0])",
        equation="dhnext = dz_t Whᵀ",
        symptom="The state is detached every four steps: longer sequences lose gradient.",
    ),
    _model(
        name="batch_first_rows",
        before='"Wx": x.reshape(len(rows), -1).T @ rows,',
        after='"Wx": x.swapaxes(0, 1).reshape(len(rows), -1).T @ rows,',
        equation="dWx = Σ_t x_tᵀ dz_t",
        symptom="x is laid out batch first and dz time first, so the wrong rows meet.",
    ),
    _model(
        name="mean_over_the_batch",
        before='"b": rows.sum(axis=0),',
        after='"b": dz.mean(axis=1).sum(axis=0),',
        equation="db = Σ_t Σ_rows dz_t",
        symptom="db is the mean over the batch, not the sum.",
    ),
    _model(
        name="bias_error_of_1e-12",
        before='"b": rows.sum(axis=0),',
        after='"b": rows.sum(axis=0) * (1 + 1e-12),',
        equation="db = Σ_t Σ_rows dz_t",
        symptom="db is wrong by 1e-12 of itself.",
    ),
    _model(
        name="carry_in_float32",
        before="dhnext = dz[t] @ Wh.T",
        after="dhnext = dz[t].astype(np.float32) @ Wh.T",
        equation="dhnext = dz_t Whᵀ",
        symptom="One factor is rounded to float32, which costs half of the digits.",
    ),
    _model(
        name="states_in_the_norm",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="clipped = clip_gradients(raw, case.clip)",
        equation="clip(dWx, dWh, db)",
        symptom="dx and dh0 count in the global norm, and are clipped like weights.",
        clip="global-norm",
    ),
    _model(
        name="initial_state_of_one_step",
        before='"h0": dhnext,',
        after='"h0": dhnext if len(x) > 1 else dz[0],',
        equation="dh0 = dz_1 Whᵀ",
        symptom="Wrong only at T = 1: dh0 is then taken before the recurrence.",
    ),
    _model(
        name="padded_steps_counted",
        before="raw = backward(case, h, G)",
        after='raw = backward(case, h, case["G"])',
        equation="G_t = 0 after a sequence's end",
        symptom="The loss leaves padded steps out, but the gradient does not.",
        lengths=True,
    ),
)
