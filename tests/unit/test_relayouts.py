"""Layouts: every relayout both ways, gradients put together again, and clear refusals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rnnverify.adapters import Layout, Relayout, of, one_hot, stack, zeros_like
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.records import Array, Case
from tests.support import char_rnn_case

D, H = 3, 2
SHAPES = {"Wx": (D, 4, H), "Wh": (H, 4, H), "b": (4, H), "U": (D, H), "V": (D, H), "c": (H,)}


def arrays(seed: int) -> dict[str, Array]:
    """Return arrays of small whole numbers, of which sums and products are exact."""
    random = np.random.default_rng(seed)
    return {n: random.integers(-9, 10, shape).astype(float) for n, shape in SHAPES.items()}


def product(a: Mapping[str, Array], b: Mapping[str, Array]) -> float:
    """Return the inner product of two mappings, of what both have."""
    return float(sum((a[name] * b[name]).sum() for name in set(a) & set(b)))


def gate(array: Array, *letters: str) -> list[Array]:
    """Return gates of an array by their letters."""
    return [array[..., "ifgo".index(letter), :] for letter in letters]


p = arrays(0)
RELAYOUTS: dict[str, tuple[Relayout, Array]] = {
    "itself": (of("U"), p["U"]),
    "transposed": (of("U").T, p["U"].T),
    "transposed, three axes": (of("Wx").T, p["Wx"].transpose(2, 1, 0)),
    "swapped": (of("Wx").swapped(0, 1), p["Wx"].transpose(1, 0, 2)),
    "column": (of("c").column, p["c"][:, None]),
    "columns": (of("U").column, p["U"][:, :, None]),
    "row": (of("c").row, p["c"][None]),
    "rows": (of("U").row, p["U"][:, None]),
    "flat": (of("b").flat, np.hstack(list(p["b"]))),
    "vector": (of("U").vector, np.array([p["U"][i, j] for i in range(D) for j in range(H)])),
    "gates": (of("Wx").gates("figo"), np.stack(gate(p["Wx"], *"figo"), axis=1)),
    "gates, side by side": (of("Wx").gates("ofig").flat, np.hstack(gate(p["Wx"], *"ofig"))),
    "gates below each other": (of("Wx").gates("gifo").flat.T, np.hstack(gate(p["Wx"], *"gifo")).T),
    "a gate": (of("b").gate("g"), p["b"][2]),
    "a gate of other letters": (of("b").gate("a", ours="oaif"), p["b"][1]),
    "a part": (of("U")[1:, 0], p["U"][1:, 0]),
    "entries, one of them twice": (of("U")[[0, 2, 0]], p["U"][[0, 2, 0]]),
    "negative": (-of("U"), -p["U"]),
    "a change of one's own": (of("U").then(lambda a: 2 * a, lambda _, g: 2 * g), 2 * p["U"]),
    "stacked": (stack(of("U"), of("V")), np.vstack([p["U"], p["V"]])),
    "side by side": (stack(of("U"), of("V"), axis=1), np.hstack([p["U"], p["V"]])),
    "the same twice": (stack(of("U"), of("U")), np.vstack([p["U"], p["U"]])),
    "a bias row": (stack(of("c").row, of("U")), np.vstack([p["c"][None], p["U"]])),
    "a half of zeros": (stack(zeros_like(of("c")), of("c")), np.array([0, 0, *p["c"]])),
    "everything": (
        -stack(*(of(n).gates("oifg").flat for n in ("Wx", "Wh")), of("b").flat.row).T.vector[3:],
        -np.vstack(
            [np.hstack(gate(p["Wx"], *"oifg")), np.hstack(gate(p["Wh"], *"oifg")), [p["b"].ravel()]]
        ).T.ravel()[3:],
    ),
}


@pytest.mark.parametrize("name", RELAYOUTS)
def test_a_relayout_is_what_it_says(name: str) -> None:
    """Each gives the array that NumPy would give by other means."""
    relayout, wanted = RELAYOUTS[name]

    np.testing.assert_array_equal(relayout.forward(p), wanted)


@pytest.mark.parametrize("name", RELAYOUTS)
def test_gradients_go_back_by_the_adjoint(name: str) -> None:
    """⟨A p, q⟩ = ⟨p, Aᵀ q⟩, exactly, and in the shapes of the case's arrays."""
    relayout, _ = RELAYOUTS[name]
    array = relayout.forward(p)
    q = np.random.default_rng(1).integers(-9, 10, array.shape).astype(float)
    back: dict[str, Array] = {}
    for ours, part in relayout.backward(p, q):
        back[ours] = back.get(ours, 0.0) + part

    assert product(p, back) == float((array * q).sum())
    assert set(back) == relayout.names
    assert all(part.shape == SHAPES[ours] for ours, part in back.items())


def lstm_like(dtype: str = "float64") -> Case:
    """Return a case of the arrays above."""
    made = {name: array.astype(dtype) for name, array in p.items()}
    return Case(system="mine", dims={"D": D, "H": H}, arrays=made, dtype=np.dtype(dtype))


def test_arrays_are_fresh_and_contiguous() -> None:
    """Code may write into them, or take pointers; they have the dtype of the case."""
    case = lstm_like("float32")
    bound = Layout(U="U", V=of("V").T, b=of("b").flat).of(case)

    for array in bound.values():
        assert array.flags.c_contiguous
        assert array.dtype == np.float32
        assert not any(np.shares_memory(array, ours) for ours in case.values())
    assert list(bound) == ["U", "V", "b"]
    assert len(bound) == 3


def test_one_hot_rows_have_the_dtype_of_the_case() -> None:
    """Token ids become rows, or columns, and have no gradient."""
    case = char_rnn_case(T=2, V=3, inputs=[2, 0], targets=[0, 1], dtype="float32")
    bound = Layout(x=one_hot("inputs"), xs=one_hot("inputs").column).of(case)

    assert bound["x"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert bound["x"].dtype == np.float32
    assert bound["xs"].shape == (2, 3, 1)
    assert bound.gradients({"x": bound["x"]}) == {}


def test_layouts_go_together() -> None:
    """The arrays of both, the second's where both have one; any string is a name."""
    both = Layout({"cell.U": "U"}, c="c") | Layout(c=of("c").row)

    assert both.names == {"U", "c"}
    assert {name: array.shape for name, array in both.of(lstm_like()).items()} == {
        "cell.U": (D, H),
        "c": (1, H),
    }


def test_some_gradients_may_be_left_out() -> None:
    """Those that are there come back; a loss is passed on; zeros have no gradient."""
    bound = Layout(W=of("U").T, V="V", c=of("c").row, none=zeros_like(of("c"))).of(lstm_like())
    found = bound.gradients(
        {"W": np.ones((H, D)), "V": None, "c": [[1.0, 2.0]], "none": np.ones(H), "loss": 3.0}
    )

    assert {name: np.shape(each) for name, each in found.items()} == {
        "loss": (),
        "U": (D, H),
        "c": (H,),
    }


def test_gradients_of_parts_are_put_together() -> None:
    """Four matrices, one a gate, give one gradient."""
    bound = Layout({f"W{letter}": of("Wx").gate(letter) for letter in "figo"}).of(lstm_like())
    theirs = dict(zip(bound, (np.full((D, H), i) for i in range(4)), strict=True))

    assert bound.gradients(theirs)["Wx"][0, :, 0].tolist() == [1, 0, 2, 3]


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"dW": np.ones((H, D))}, "'dW' is no array of the layout; those are W, Wf, Wi"),
        ({"W": np.ones(H)}, r"gradient of W has the shape \(2,\), but W \(2, 3\)$"),
        ({"W": np.ones((D, H))}, r"the shape \(3, 2\), but W \(2, 3\), of which it is the transp"),
        ({"Wf": np.ones((D, H))}, "Wx is in Wi as well, whose gradient was not returned"),
    ],
)
def test_gradients_that_do_not_fit_are_refused(theirs: Any, message: str) -> None:
    """The message names the array, and says what it got and what it wants."""
    bound = Layout(W=of("U").T, Wf=of("Wx").gate("f"), Wi=of("Wx").gate("i")).of(lstm_like())

    with pytest.raises(InvalidGradientsError, match=message):
        bound.gradients(theirs)


@pytest.mark.parametrize(
    ("relayout", "message"),
    [
        (lambda: of("W"), "there is no array 'W'; the case has Wx, Wh"),
        (lambda: of("Wx").gates("ifg"), "'ifg' is no order of the gates 'ifgo'"),
        (lambda: of("Wx").gate("z"), "'z' is none of the gates 'ifgo'"),
        (lambda: of("Wx").flat.gates("figo"), r"an array \(3, 8\) is no axis of the gates 'ifgo'"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(relayout: Any, message: str) -> None:
    """What is unknown is named, and so is what is known."""
    with pytest.raises(UsageError, match=message):
        Layout(W=relayout()).of(lstm_like())


def test_a_relayout_cannot_be_iterated_over() -> None:
    """Having parts does not make it a sequence, which would have no end."""
    with pytest.raises(TypeError, match="not iterable"):
        iter(of("U"))
