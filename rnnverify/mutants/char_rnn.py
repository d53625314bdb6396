"""Bugs of ``char_rnn``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="char_rnn")
_loops = partial(Mutant, system="char_rnn", form="loops")

MUTANTS = (
    _model(
        name="carry_dropped",
        before="dhraw[t] = slope[t] * (dh[t] + dhnext)",
        after="dhraw[t] = slope[t] * dh[t]",
        equation="dh_t = Whyᵀ dy_t + dhnext",
        symptom="Each loss reaches only its own step: nothing is carried back in time.",
    ),
    _model(
        name="loss_of_the_last_step_only",
        before="dhraw[t] = slope[t] * (dh[t] + dhnext)",
        after="dhraw[t] = slope[t] * (dhnext if t + 1 < len(dh) else dh[t])",
        equation="dh_t = Whyᵀ dy_t + dhnext",
        symptom="The losses before the last do not reach the hidden states.",
    ),
    _model(
        name="slope_on_the_output_only",
        before="dhraw[t] = slope[t] * (dh[t] + dhnext)",
        after="dhraw[t] = slope[t] * dh[t] + dhnext",
        equation="dhraw_t = (1 - h_t²) ⊙ dh_t",
        symptom="What is carried back passes by tanh.",
    ),
    _model(
        name="carry_from_the_state",
        before="dhnext = dhraw[t] @ Whh",
        after="dhnext = (dh[t] + dhnext) @ Whh",
        equation="dhnext = Whhᵀ dhraw_t",
        symptom="The carry is made from dh in place of dhraw: it has no slope in it.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="dhnext = dhraw[t] @ Whh",
        after="dhnext = dhraw[t] @ Whh.T",
        equation="dhnext = Whhᵀ dhraw_t",
        symptom="What is carried back goes through Whh instead of its transpose.",
    ),
    _model(
        name="carry_cut_every_five_steps",
        before="dhnext = dhraw[t] @ Whh",
        after="dhnext = dhraw[t] @ Whh * (t == 0 or t % 5 != 0)",
        equation="dhnext = Whhᵀ dhraw_t",
        symptom="The sequence falls into chunks of five steps, and nothing passes between them.",
    ),
    _model(
        name="carry_in_float32",
        before="dhnext = dhraw[t] @ Whh",
        after="dhnext = dhraw[t].astype(np.float32) @ Whh",
        equation="dhnext = Whhᵀ dhraw_t",
        symptom="What is carried back has seven digits.",
    ),
    _loops(
        name="walks_back_five_steps",
        before="for t in reversed(range(len(w))):",
        after="for t in reversed(range(max(0, len(w) - 5), len(w))):",
        equation="dhnext = ∂L_{t+1:end}/∂h_t, for every t",
        symptom="Only the last five steps are visited.",
    ),
    _loops(
        name="first_step_not_visited",
        before="for t in reversed(range(len(w))):",
        after="for t in range(len(w) - 1, 0, -1):",
        equation="dWhh = Σ_t dhraw_t h_{t-1}ᵀ, and all other sums",
        symptom="The loop ends one step short, at t = 1.",
    ),
    _loops(
        name="last_step_not_visited",
        before="for t in reversed(range(len(w))):",
        after="for t in reversed(range(len(w) - 1)):",
        equation="dWhy = Σ_t dy_t h_tᵀ, and all other sums",
        symptom="The loop begins one step too early in time: the last loss is left out.",
    ),
    _loops(
        name="time_not_reversed",
        before="for t in reversed(range(len(w))):",
        after="for t in range(len(w)):",
        equation="dhnext = ∂L_{t+1:end}/∂h_t",
        symptom="Gradients are carried forwards in time.",
    ),
    _loops(
        name="return_inside_the_loop",
        before="""
            dhnext = Whh.T @ dhraw
        return clip_gradients(g, case.clip) | {"h0": dhnext}
        """,
        after="""
        dhnext = Whh.T @ dhraw
        return clip_gradients(g, case.clip) | {"h0": dhnext}
        """,
        equation="dhnext = Whhᵀ dhraw_t, from the last step to the first",
        symptom="An indent too many: it returns after the last step.",
    ),
    _model(
        name="slope_of_the_state_before",
        before="slope = 1 - h[1:] ** 2",
        after="slope = 1 - h[:-1] ** 2",
        equation="dhraw_t = (1 - h_t²) ⊙ dh_t",
        symptom="The slope of tanh is that at the state before each step.",
    ),
    _model(
        name="tanh_twice_in_the_slope",
        before="slope = 1 - h[1:] ** 2",
        after="slope = 1 - np.tanh(h[1:]) ** 2",
        equation="dhraw_t = (1 - h_t²) ⊙ dh_t",
        symptom="h_t is taken for what goes into tanh.",
    ),
    _model(
        name="slope_kept_from_vanishing",
        before="slope = 1 - h[1:] ** 2",
        after="slope = np.maximum(1 - h[1:] ** 2, 1e-4)",
        equation="dhraw_t = (1 - h_t²) ⊙ dh_t",
        symptom="Saturated units get gradients; all others are right.",
    ),
    _loops(
        name="same_state_for_the_one_before",
        before='g["Whh"] += np.outer(dhraw, h[t - 1])',
        after='g["Whh"] += np.outer(dhraw, h[t])',
        equation="dWhh = Σ_t dhraw_t h_{t-1}ᵀ",
        symptom="dWhh is made from the state after each step, not from that before it.",
    ),
    _model(
        name="state_before_wraps",
        before='"Whh": dhraw.T @ h[:-1],',
        after='"Whh": dhraw.T @ np.roll(h[1:], 1, axis=0),',
        equation="dWhh = Σ_t dhraw_t h_{t-1}ᵀ",
        symptom="Before the first step, dWhh finds the last state in place of h0.",
    ),
    _model(
        name="recurrent_gradient_transposed",
        before='"Whh": dhraw.T @ h[:-1],',
        after='"Whh": h[:-1].T @ dhraw,',
        equation="dWhh = Σ_t dhraw_t h_{t-1}ᵀ",
        symptom="dWhh is its own transpose.",
    ),
    _model(
        name="relative_error_of_1e-12",
        before='"Whh": dhraw.T @ h[:-1],',
        after='"Whh": dhraw.T @ h[:-1] * (1 + 1e-12),',
        equation="dWhh = Σ_t dhraw_t h_{t-1}ᵀ",
        symptom="dWhh is right to twelve digits.",
    ),
    _model(
        name="repeated_tokens_overwritten",
        before='"Wxh": dhraw.T @ x,',
        after='"Wxh": dhraw.T @ (x * (x[::-1].cumsum(axis=0)[::-1] == 1)),',
        equation="dWxh = Σ_t dhraw_t x_tᵀ",
        symptom="Of a token that comes more than once, only the last step counts in dWxh.",
    ),
    _model(
        name="tokens_of_the_targets",
        before='x = (inputs[:, None] == np.arange(len(case["by"]))).astype(case.dtype)',
        after='x = (case["targets"][:, None] == np.arange(len(case["by"]))).astype(case.dtype)',
        equation="dWxh = Σ_t dhraw_t x_tᵀ",
        symptom="dWxh has the targets' columns in place of the inputs'.",
    ),
    _loops(
        name="token_before",
        before='g["Wxh"] += np.outer(dhraw, x[t])',
        after='g["Wxh"] += np.outer(dhraw, x[t - 1])',
        equation="dWxh = Σ_t dhraw_t x_tᵀ",
        symptom="dWxh is made from the token before; at the first step, from the last.",
    ),
    _loops(
        name="output_gradient_overwritten",
        before='g["Why"] += w[t] * np.outer(dy, h[t])',
        after='g["Why"] = w[t] * np.outer(dy, h[t])',
        equation="dWhy = Σ_t dy_t h_tᵀ",
        symptom="= for +=: dWhy is that of the first step.",
    ),
    _loops(
        name="output_bias_without_loss_weights",
        before='g["by"] += w[t] * dy',
        after='g["by"] += dy',
        equation="dy_t = w_t (p_t - z_t)",
        symptom="dby has every loss weighted 1.",
    ),
    _model(
        name="inputs_for_targets",
        before="dy[steps, targets] -= 1",
        after='dy[steps, case["inputs"]] -= 1',
        equation="dy_t = w_t (p_t - z_t)",
        symptom="The network is taught to repeat its input.",
    ),
    _model(
        name="epsilon_in_the_softmax",
        before="dy = p / total",
        after="dy = p / (total + 1e-8)",
        equation="p_t = softmax(y_t)",
        symptom="Probabilities do not quite add up to 1.",
    ),
    _model(
        name="sign_of_the_error",
        before="dy = p / total\ndy[steps, targets] -= 1",
        after="dy = -p / total\ndy[steps, targets] += 1",
        equation="dy_t = w_t (p_t - z_t)",
        symptom="Every gradient is that of -L.",
    ),
    _model(
        name="mean_over_the_steps",
        before="dy *= w[:, None]",
        after="dy *= w[:, None] / len(w)",
        equation="L = -Σ_t w_t log Σ_k p_t^k z_t^k",
        symptom="The gradients are those of the mean loss, though the loss is a sum.",
    ),
    _model(
        name="scaled_by_the_sizes",
        before='dh = dy @ case["Why"]',
        after='dh = dy @ case["Why"] * (dy.shape[1] / h.shape[1])',
        equation="dh_t = Whyᵀ dy_t + dhnext",
        symptom="A factor V/H, which is seen only where V is not H.",
    ),
    _model(
        name="bias_before_the_slope",
        before='"bh": dhraw.sum(axis=0),',
        after='"bh": dh.sum(axis=0),',
        equation="dbh = Σ_t dhraw_t",
        symptom="dbh is the sum of Whyᵀ dy: no slope, and nothing carried back.",
    ),
    _model(
        name="initial_state_before_the_recurrence",
        before='"h0": dhnext,',
        after='"h0": dhraw[0],',
        equation="dh0 = dhnext after the first step",
        symptom="dh0 lacks the last product with Whh.",
    ),
    _model(
        name="no_carry_from_a_single_step",
        before='"h0": dhnext,',
        after='"h0": dhnext if len(inputs) > 1 else np.zeros_like(dhnext),',
        equation="dh0 = dhnext after the first step",
        symptom="dh0 is zero for sequences of one step; all others are right.",
    ),
    _model(
        name="state_kept_between_calls",
        before="h[0] = h0",
        after="""
        states = forward.__dict__.setdefault("states", {})
        h[0] = states.get(len(h0), h0)
        states[len(h0)] = h[-1]
        """,
        equation="h_0 = h0",
        symptom="A sequence goes on where that of the last call ended, whatever its h0.",
    ),
    _model(
        name="one_weight_not_clipped",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""
        clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)
        clipped["bh"] = raw["bh"]
        """,
        equation="clip(dWxh, dWhh, dWhy, dbh, dby)",
        symptom="dbh is handed on as it is.",
        clip="value",
    ),
    _model(
        name="clipped_from_above_only",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="clipped = {n: np.minimum(raw[n], case.clip.threshold or np.inf) for n in WEIGHTS}",
        equation="clip(g) = max(-c, min(g, c))",
        symptom="Large negative entries stay.",
        clip="value",
    ),
    _loops(
        name="each_step_clipped",
        before='g["Whh"] += np.outer(dhraw, h[t - 1])',
        after="""
        step = {"Whh": np.outer(dhraw, h[t - 1])}
        g["Whh"] += clip_gradients(step, case.clip)["Whh"]
        """,
        equation="clip(Σ_t dhraw_t h_{t-1}ᵀ)",
        symptom="dWhh is a sum of clipped terms.",
        clip="value",
    ),
    _loops(
        name="carry_clipped",
        before="dhnext = Whh.T @ dhraw",
        after='dhnext = clip_gradients({"dhnext": Whh.T @ dhraw}, case.clip)["dhnext"]',
        equation="dhnext = Whhᵀ dhraw_t",
        symptom="What is carried back is clipped at every step.",
        clip="value",
    ),
    _model(
        name="each_weight_by_its_own_norm",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="clipped = {n: clip_gradients({n: raw[n]}, case.clip)[n] for n in WEIGHTS}",
        equation="g · c / ‖(dWxh, dWhh, dWhy, dbh, dby)‖",
        symptom="Every gradient is scaled by itself, though the norm is to be that of all.",
        clip="global-norm",
    ),
    _model(
        name="epsilon_in_the_norm",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""
        norm = np.sqrt(sum((raw[n] ** 2).sum() for n in WEIGHTS)) + 1e-6
        clipped = {n: raw[n] * min(1, (case.clip.threshold or np.inf) / norm) for n in WEIGHTS}
        """,
        equation="g · c / ‖(dWxh, dWhh, dWhy, dbh, dby)‖",
        symptom="What is scaled ends a little below the threshold.",
        clip="global-norm",
    ),
)
