"""Each system's loss alone, by the forward pass of its model: what differences are taken of."""

from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from rnnverify.models import (
    binary_adder,
    char_rnn,
    elman,
    elman_relu,
    gru,
    gru_reset_before,
    lstm,
    rtrbm,
    rtrbm_cd,
    werbos,
)
from rnnverify.models.batches import at_the_end
from rnnverify.records import Case

Loss = Callable[[Case], Any]


def loss_of_char_rnn(case: Case) -> Any:
    """Return -Σ_t w_t log p_t(target)."""
    return char_rnn.output(case, char_rnn.forward(case)[1:])[0]


def loss_of_binary_adder(case: Case) -> Any:
    """Return ½ Σ_t w_t ‖y_t - l2_t‖²."""
    _, l2 = binary_adder.forward(case)
    return 0.5 * case["loss_weights"] @ ((case["y"] - l2) ** 2).sum(axis=1)


def loss_of_rtrbm(case: Case) -> Any:
    """Return Σ_t w_t log P(v_t | r_{t-1})."""
    c, _ = rtrbm.forward(case)
    return rtrbm.loss(case, c, rtrbm.expectations(case, c)["log_Z"])


def loss_of_rtrbm_cd(case: Case) -> Any:
    """Return Σ_t w_t (F(ṽ_t; c_t) - F(v_t; c_t))."""
    c, _ = rtrbm.forward(case)
    after, before = (rtrbm_cd.free_energy(case, c, case[name]) for name in ("negatives", "v"))
    return case["loss_weights"] @ (after - before)


def loss_of_werbos(case: Case) -> Any:
    """Return ½ Σ_t w_t ‖Ŷ(t) - Y(t)‖²."""
    outputs = werbos.forward(case)[2:, -case["Y"].shape[1] :]
    return 0.5 * case["loss_weights"] @ ((outputs - case["Y"]) ** 2).sum(axis=1)


def loss_of_lstm(case: Case) -> Any:
    """Return Σ_t ⟨G_t, h_t⟩ + ⟨G_cT, c_T⟩."""
    states, of_cells = lstm.forward(case), at_the_end(case, case["G_cT"])
    return np.vdot(case["G"], states.h[1:]) + np.vdot(of_cells, states.c[1:])


def loss_of_states(model: ModuleType) -> Loss:
    """Return Σ_t ⟨G_t, h_t⟩ of a layer whose forward pass returns its states."""
    return lambda case: np.vdot(case["G"], model.forward(case)[1:])


def loss_of_gates(model: ModuleType) -> Loss:
    """Return the same of a layer whose forward pass returns its gates besides."""
    return lambda case: np.vdot(case["G"], model.forward(case).h[1:])


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "char_rnn": loss_of_char_rnn,
        "binary_adder": loss_of_binary_adder,
        "rtrbm": loss_of_rtrbm,
        "rtrbm_cd": loss_of_rtrbm_cd,
        "werbos": loss_of_werbos,
        "elman": loss_of_states(elman),
        "elman_relu": loss_of_states(elman_relu),
        "lstm": loss_of_lstm,
        "gru": loss_of_gates(gru),
        "gru_reset_before": loss_of_gates(gru_reset_before),
    }
)
"""By system."""
