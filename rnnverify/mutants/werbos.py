"""Bugs of ``werbos``."""

from functools import partial

from rnnverify.mutants.mutant import Mutant

_model = partial(Mutant, system="werbos")
_loops = partial(Mutant, system="werbos", form="loops")

MUTANTS = (
    _model(
        name="lag_1_dropped",
        before="F_x[t] += F_net[t + 1] @ W1 + F_net[t + 2] @ W2",
        after="F_x[t] += F_net[t + 2] @ W2",
        equation="F_x_i(t) = … + Σ_j W'_ji F_net_j(t+1) + …",
        symptom="Nothing is carried back by one step.",
    ),
    _model(
        name="lag_2_dropped",
        before="F_x[t] += F_net[t + 1] @ W1 + F_net[t + 2] @ W2",
        after="F_x[t] += F_net[t + 1] @ W1",
        equation="F_x_i(t) = … + Σ_j W''_ji F_net_j(t+2)",
        symptom="Nothing is carried back by two steps.",
    ),
    _model(
        name="lags_exchanged",
        before="F_x[t] += F_net[t + 1] @ W1 + F_net[t + 2] @ W2",
        after="F_x[t] += F_net[t + 1] @ W2 + F_net[t + 2] @ W1",
        equation="F_x_i(t) = … + Σ_j W'_ji F_net_j(t+1) + Σ_j W''_ji F_net_j(t+2)",
        symptom="W' carries back by two steps, and W'' by one.",
    ),
    _model(
        name="recurrence_not_transposed",
        before="F_x[t] += F_net[t + 1] @ W1 + F_net[t + 2] @ W2",
        after="F_x[t] += F_net[t + 1] @ W1.T + F_net[t + 2] @ W2",
        equation="F_x_i(t) = … + Σ_j W'_ji F_net_j(t+1) + …",
        symptom="What is carried back by one step goes through W' instead of its transpose.",
    ),
    _model(
        name="lag_2_held_at_the_end",
        before="F_x[t] += F_net[t + 1] @ W1 + F_net[t + 2] @ W2",
        after="F_x[t] += F_net[t + 1] @ W1 + F_net[min(t + 2, T - 1)] @ W2",
        equation="F_net(t) = 0 for t > T",
        symptom="The step before the last gets the last step's F_net once more.",
    ),
    _loops(
        name="carry_overwrites",
        before="F_x[t][i] += W1[j, i] * F_net[t + 1][j] + W2[j, i] * F_net[t + 2][j]",
        after="F_x[t][i] = W1[j, i] * F_net[t + 1][j] + W2[j, i] * F_net[t + 2][j]",
        equation="F_x_i(t) = F_Ŷ_{i-N}(t) + Σ_{j>i} W_ji F_net_j(t) + …",
        symptom="= for +=: what has been summed is lost, the error of the outputs too.",
    ),
    _loops(
        name="next_unit_only",
        before="F_x[t][i] += W[j, i] * F_net[t][j] if j > i else 0",
        after="F_x[t][i] += W[j, i] * F_net[t][j] if j == i + 1 else 0",
        equation="F_x_i(t) = … + Σ_{j>i} W_ji F_net_j(t) + …",
        symptom="Within a step each unit hears only the next, as if units were layers.",
    ),
    _model(
        name="units_in_the_order_of_the_forward_pass",
        before="for i in reversed(range(units)):",
        after="for i in range(units):",
        equation="F_x_i(t), from the last unit to the first",
        symptom="Units read derivatives of later units that are not there yet.",
    ),
    _model(
        name="inputs_taken_for_units",
        before="F_net[t, i] = F_x[t, i] * slope[t, i] if i >= m else 0",
        after="F_net[t, i] = F_x[t, i] * slope[t, i]",
        equation="F_net_i(t) = 0 for i ≤ m",
        symptom="Inputs pass on errors, as if they were computed.",
    ),
    _model(
        name="as_many_inputs_as_outputs",
        before="F_net[t, i] = F_x[t, i] * slope[t, i] if i >= m else 0",
        after="F_net[t, i] = F_x[t, i] * slope[t, i] if i >= n else 0",
        equation="F_net_i(t) = 0 for i ≤ m",
        symptom="n for m, which is seen only where they differ.",
    ),
    _loops(
        name="slope_of_net",
        before="F_net[t][i] = F_x[t][i] * sigmoid(net[t][i]) * sigmoid(-net[t][i])",
        after="F_net[t][i] = F_x[t][i] * net[t][i] * (1 - net[t][i])",
        equation="F_net_i(t) = F_x_i(t) x_i(t) (1 - x_i(t))",
        symptom="The slope's formula for x_i is given net_i.",
    ),
    _model(
        name="slope_of_the_step_before",
        before="slope = x[2:] * (1 - x[2:])",
        after="slope = x[1:-1] * (1 - x[1:-1])",
        equation="F_net_i(t) = F_x_i(t) x_i(t) (1 - x_i(t))",
        symptom="The slope is that at the step before.",
    ),
    _model(
        name="derivatives_in_float32",
        before=(
            "F_x, F_net = np.zeros((T, units), case.dtype), np.zeros((T + 2, units), case.dtype)"
        ),
        after="F_x, F_net = np.zeros((T, units), case.dtype), np.zeros((T + 2, units), np.float32)",
        equation="F_net_i(t) = F_x_i(t) x_i(t) (1 - x_i(t))",
        symptom="F_net, and every gradient with it, has seven digits.",
    ),
    _model(
        name="loss_weights_forgotten",
        before='raw = backward(case, x, case["loss_weights"][:, None] * error)',
        after="raw = backward(case, x, error)",
        equation="F_Ŷ_i(t) = w_t (Ŷ_i(t) - Y_i(t))",
        symptom="Every loss is weighted 1.",
    ),
    _model(
        name="sign_of_the_error",
        before='raw = backward(case, x, case["loss_weights"][:, None] * error)',
        after='raw = backward(case, x, -case["loss_weights"][:, None] * error)',
        equation="F_Ŷ_i(t) = w_t (Ŷ_i(t) - Y_i(t))",
        symptom="Every gradient is that of -E.",
    ),
    _loops(
        name="target_of_the_step_before",
        before="F_x[t][i] = w[t - 1] * (x[t][i] - Y[t - 1, i - N])",
        after="F_x[t][i] = w[t - 1] * (x[t][i] - Y[t - 2, i - N])",
        equation="F_Ŷ_i(t) = w_t (Ŷ_i(t) - Y_i(t))",
        symptom="Outputs are compared with the targets before; the first with the last.",
    ),
    _model(
        name="upper_triangle_kept",
        before='"W": np.tril(F_net[:T].T @ x[2:], -1),',
        after='"W": F_net[:T].T @ x[2:],',
        equation="F_W_ij = Σ_t F_net_i(t) x_j(t), j < i",
        symptom="Weights that do not exist get gradients.",
    ),
    _model(
        name="diagonal_kept",
        before='"W": np.tril(F_net[:T].T @ x[2:], -1),',
        after='"W": np.tril(F_net[:T].T @ x[2:]),',
        equation="F_W_ij = Σ_t F_net_i(t) x_j(t), j < i",
        symptom="Units get a gradient for a weight to themselves within the step.",
    ),
    _model(
        name="lag_1_from_step_1",
        before='"W1": F_net[:T].T @ x[1:-1],',
        after='"W1": F_net[1:T].T @ x[2:-1],',
        equation="F_W'_ij = Σ_t F_net_i(t) x_j(t-1)",
        symptom="The sum begins at t = 1, as printed: right only where x(0) is zero.",
    ),
    _model(
        name="relative_error_of_1e-6",
        before='"W1": F_net[:T].T @ x[1:-1],',
        after='"W1": F_net[:T].T @ x[1:-1] * (1 + 1e-6),',
        equation="F_W'_ij = Σ_t F_net_i(t) x_j(t-1)",
        symptom="F_W' is right to six digits.",
    ),
    _loops(
        name="lag_2_from_step_1",
        before='g["W2"][i, j] = sum(F_net[t + 2][i] * x[t][j] for t in range(-1, T - 1))',
        after='g["W2"][i, j] = sum(F_net[t + 2][i] * x[t][j] for t in range(1, T - 1))',
        equation="F_W''_ij = Σ_t F_net_i(t) x_j(t-2)",
        symptom="The sum begins at t = 1, as printed: right only where x(0) and x(-1) are zero.",
    ),
    _model(
        name="lag_2_of_lag_1",
        before='"W2": F_net[:T].T @ x[:-2],',
        after='"W2": F_net[:T].T @ x[1:-1],',
        equation="F_W''_ij = Σ_t F_net_i(t) x_j(t-2)",
        symptom="F_W'' is made from x(t-1): it equals F_W'.",
    ),
    _model(
        name="initial_state_without_lag_2",
        before='"x0": F_net[0] @ W1 + F_net[1] @ W2,',
        after='"x0": F_net[0] @ W1,',
        equation="F_x(0) = W'ᵀ F_net(1) + W''ᵀ F_net(2)",
        symptom="x(0) is not heard at the second step.",
    ),
    _model(
        name="index_held_for_a_single_step",
        before='"x0": F_net[0] @ W1 + F_net[1] @ W2,',
        after='"x0": F_net[0] @ W1 + F_net[min(1, T - 1)] @ W2,',
        equation="F_x(0) = W'ᵀ F_net(1) + W''ᵀ F_net(2)",
        symptom="With one step only, F_net(1) stands in for F_net(2); with more it is right.",
    ),
    _model(
        name="older_state_through_lag_1",
        before='"x_1": F_net[0] @ W2,',
        after='"x_1": F_net[0] @ W1,',
        equation="F_x(-1) = W''ᵀ F_net(1)",
        symptom="x(-1) is reached by W' in place of W''.",
    ),
    _loops(
        name="loop_ends_at_step_1",
        before="for t in range(T, -2, -1):",
        after="for t in range(T, 0, -1):",
        equation="F_x(0) = W'ᵀ F_net(1) + W''ᵀ F_net(2)",
        symptom="The states before the first step get no gradient.",
    ),
    _model(
        name="slope_on_the_inputs",
        before='"X": F_x[:, :m],',
        after='"X": F_x[:, :m] * slope[:, :m],',
        equation="F_X_i(t) = F_x_i(t), i ≤ m",
        symptom="Inputs are treated as if they came out of s.",
    ),
    _model(
        name="states_clipped_too",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="clipped = clip_gradients(raw, case.clip)",
        equation="g · c / ‖(F_W, F_W', F_W'')‖",
        symptom="Gradients of states and inputs count in the norm, and are scaled.",
        clip="global-norm",
    ),
    _model(
        name="norm_for_the_value",
        before="clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, case.clip)",
        after="""
        kind = "norm" if case.clip.kind == "value" else case.clip.kind
        clip = case.clip.replace(kind=kind)
        clipped = clip_gradients({name: raw[name] for name in WEIGHTS}, clip)
        """,
        equation="clip(F_W, F_W', F_W'') to [-c, c]",
        symptom="Gradients are scaled as a whole, though entries are to be cut.",
        clip="value",
    ),
)
