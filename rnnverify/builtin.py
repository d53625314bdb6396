"""The built-in systems, by name."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from rnnverify.axes import (
    Axes,
    bits,
    cotangents,
    loss_weights,
    probabilities,
    reals,
    strictly_lower,
    tokens,
)
from rnnverify.errors import UsageError
from rnnverify.models import (
    binary_adder,
    char_rnn,
    char_rnn_truncated,
    elman,
    elman_relu,
    elman_truncated,
    gru,
    gru_reset_before,
    lstm,
    rtrbm,
    rtrbm_cd,
    werbos,
)
from rnnverify.records import Case
from rnnverify.references import binary_adder as binary_adder_reference
from rnnverify.references import char_rnn as char_rnn_reference
from rnnverify.references import elman as elman_reference
from rnnverify.references import elman_relu as elman_relu_reference
from rnnverify.references import gru as gru_reference
from rnnverify.references import gru_reset_before as gru_reset_before_reference
from rnnverify.references import lstm as lstm_reference
from rnnverify.references import rtrbm as rtrbm_reference
from rnnverify.references import rtrbm_cd as rtrbm_cd_reference
from rnnverify.references import werbos as werbos_reference
from rnnverify.systems import System

THESIS = (
    "Sutskever 2013, Training recurrent neural networks, "
    "https://www.cs.utoronto.ca/~ilya/pubs/ilya_sutskever_phd_thesis.pdf"
)

CHAR_RNN = System(
    name="char_rnn",
    source="Karpathy, min-char-rnn, https://gist.github.com/karpathy/d4dee566867f8291f086",
    dims={"T": "time steps", "V": "vocabulary", "H": "hidden units"},
    sizes={"T": (1, 16), "V": (1, 16), "H": (1, 16)},
    weights={
        "Wxh": reals("H V"),
        "Whh": reals("H H"),
        "Why": reals("V H"),
        "bh": reals("H"),
        "by": reals("V"),
    },
    state={"h0": reals("H")},
    inputs={
        "inputs": tokens("T", below="V"),
        "targets": tokens("T", below="V"),
        "loss_weights": loss_weights("T"),
    },
    init=char_rnn_reference.init,
    step=char_rnn_reference.step,
    gradients=char_rnn.gradients,
    strict=True,
    truncated_gradients=char_rnn_truncated.gradients,
    fills={"by": -1e30},
    buckets=({"T": 16, "V": 16, "H": 16},),
)

BINARY_ADDER = System(
    name="binary_adder",
    source="Trask 2015, https://iamtrask.github.io/2015/11/15/anyone-can-code-lstm/",
    dims={"T": "time steps", "D": "input bits", "H": "hidden units", "K": "output bits"},
    sizes={"T": (1, 16), "D": (2, 2), "H": (1, 16), "K": (1, 1)},
    weights={"S0": reals("D H"), "Sh": reals("H H"), "S1": reals("H K")},
    state={"l1_init": reals("H")},
    inputs={"x": bits("T D"), "y": bits("T K"), "loss_weights": loss_weights("T")},
    init=binary_adder_reference.init,
    step=binary_adder_reference.step,
    gradients=binary_adder.gradients,
    strict=True,
    unpadded=frozenset("DK"),
    buckets=({"T": 16, "H": 16},),
)


def _rtrbm(
    name: str,
    source: str,
    model: ModuleType,
    reference: ModuleType,
    inputs: Mapping[str, Axes],
    **others: Any,
) -> System:
    return System(
        name=name,
        source=source,
        dims={"T": "time steps", "V": "visible units", "H": "hidden units"},
        sizes={"T": (1, 12), "V": (1, 8), "H": (1, 6)},
        weights={
            "W": reals("H V"),
            "U": reals("H H"),
            "b_v": reals("V"),
            "b_h": reals("H"),
            "b_init": reals("H"),
        },
        inputs=inputs,
        init=reference.init,
        step=reference.step,
        gradients=model.gradients,
        strict=True,
        **others,
    )


RTRBM = _rtrbm(
    "rtrbm",
    THESIS,
    rtrbm,
    rtrbm_reference,
    {"v": bits("T V"), "loss_weights": loss_weights("T")},
    fills={"b_v": -1e30, "b_h": -1e30, "b_init": -1e30},
    buckets=(
        {"T": 12, "V": 8, "H": 4},
        {"T": 12, "V": 8, "H": 6},
        {"T": 16, "V": 16, "H": 8},
        {"T": 16, "V": 16, "H": 10},
    ),
    limits={"H": 10},  # log Z is a sum over 2^H states, whose rounding grows with their number
)

RTRBM_CD = _rtrbm(
    "rtrbm_cd",
    f"Hinton 2002, https://doi.org/10.1162/089976602760128018; {THESIS}",
    rtrbm_cd,
    rtrbm_cd_reference,
    {"v": bits("T V"), "negatives": bits("T V"), "loss_weights": loss_weights("T")},
    buckets=({"T": 12, "V": 8, "H": 6},),
)

WERBOS = System(
    name="werbos",
    source="Werbos 1990, Backpropagation through time, https://doi.org/10.1109/5.58337",
    dims={"T": "time steps", "m": "inputs", "k": "hidden units", "n": "outputs"},
    sizes={"T": (1, 8), "m": (1, 4), "k": (1, 4), "n": (1, 4)},
    weights={
        "W": strictly_lower("m+k+n m+k+n"),
        "W1": reals("m+k+n m+k+n"),
        "W2": reals("m+k+n m+k+n"),
    },
    state={"x0": reals("m+k+n"), "x_1": reals("m+k+n")},
    inputs={"X": reals("T m"), "Y": probabilities("T n"), "loss_weights": loss_weights("T")},
    init=werbos_reference.init,
    step=werbos_reference.step,
    gradients=werbos.gradients,
    strict=True,
    fills={"Y": 0.5},
    buckets=({"T": 8, "m": 4, "k": 4, "n": 4},),
)


def _layer(
    name: str,
    source: str,
    model: ModuleType,
    reference: ModuleType,
    weights: Mapping[str, Axes],
    **others: Any,
) -> System:
    return System(
        name=name,
        source=source,
        dims={"T": "time steps", "B": "sequences", "D": "input features", "H": "hidden units"},
        sizes={"T": (1, 12), "B": (1, 4), "D": (1, 6), "H": (1, 6)},
        weights=weights,
        init=reference.init,
        step=reference.step,
        gradients=model.gradients,
        strict=True,
        buckets=({"T": 12, "B": 4, "D": 6, "H": 6},),
        **{"state": LAYER_STATE, "inputs": LAYER_INPUTS, **others},
    )


LAYER_STATE = {"h0": reals("B H")}
LAYER_INPUTS = {"x": reals("T B D"), "G": cotangents("T B H")}
ELMAN_WEIGHTS = {"Wx": reals("D H"), "Wh": reals("H H"), "b": reals("H")}
GATE_WEIGHTS = {
    "Wxr": reals("D H"),
    "Whr": reals("H H"),
    "br": reals("H"),
    "Wxz": reals("D H"),
    "Whz": reals("H H"),
    "bz": reals("H"),
    "Wxn": reals("D H"),
}

ELMAN = _layer(
    "elman",
    "Elman 1990, Finding structure in time, https://doi.org/10.1207/s15516709cog1402_1",
    elman,
    elman_reference,
    ELMAN_WEIGHTS,
    truncated_gradients=elman_truncated.gradients,
)

ELMAN_RELU = _layer(
    "elman_relu",
    "Le, Jaitly and Hinton 2015, https://arxiv.org/abs/1504.00941",
    elman_relu,
    elman_relu_reference,
    ELMAN_WEIGHTS,
    has_kinks=True,
)

LSTM = _layer(
    "lstm",
    "Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; "
    "Gers, Schmidhuber and Cummins 2000, https://doi.org/10.1162/089976600300015015",
    lstm,
    lstm_reference,
    {"Wx": reals("D 4 H"), "Wh": reals("H 4 H"), "b": reals("4 H")},
    state=LAYER_STATE | {"c0": reals("B H")},
    inputs=LAYER_INPUTS | {"G_cT": cotangents("B H")},
    final=lstm_reference.final,
)

GRU = _layer(
    "gru",
    "Cho et al. 2014, https://arxiv.org/abs/1406.1078, as in "
    "https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html",
    gru,
    gru_reference,
    GATE_WEIGHTS | {"bxn": reals("H"), "Whn": reals("H H"), "bhn": reals("H")},
)

GRU_RESET_BEFORE = _layer(
    "gru_reset_before",
    "Cho et al. 2014, https://arxiv.org/abs/1406.1078v3",
    gru_reset_before,
    gru_reset_before_reference,
    GATE_WEIGHTS | {"Whn": reals("H H"), "bn": reals("H")},
)

_ALL = (
    CHAR_RNN,
    BINARY_ADDER,
    RTRBM,
    RTRBM_CD,
    WERBOS,
    ELMAN,
    ELMAN_RELU,
    LSTM,
    GRU,
    GRU_RESET_BEFORE,
)
SYSTEMS: Mapping[str, System] = MappingProxyType({system.name: system for system in _ALL})
"""The built-in systems, by name."""


def find_system(name: Any) -> System:
    """Return the built-in system of that name, or the system that is given.

    Raises:
        UsageError: if there is none.
    """
    if isinstance(name, System):
        return name
    if not isinstance(name, str):
        message = f"system: {name!r} is neither a name nor a System; known are {', '.join(SYSTEMS)}"
        raise UsageError(message)
    if name in SYSTEMS:
        return SYSTEMS[name]
    near = difflib.get_close_matches(name, SYSTEMS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    message = f"system: unknown {name!r}{hint} known are {', '.join(SYSTEMS)}"
    raise UsageError(message)


def system_of(case: Case) -> System:
    """Return the system that a case is one of, with lengths where the case has them.

    Raises:
        UsageError: if there is none.
    """
    if isinstance(case.origin, System):
        return case.origin
    system = find_system(case.system)
    return system.with_lengths if "lengths" in case else system
