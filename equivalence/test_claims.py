"""Claims: what the seed text says of the three styles, and how it writes them, each with the evidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_styles import runtime
from keras_styles.architectures import NAMES, Architecture, array_of, load
from keras_styles.architectures.linear_regression import SeedLinearRegression
from keras_styles.claims import CLAIMS, SEED_CODE
from keras_styles.effort import effort
from keras_styles.problems import Array, ExpressionProblem, TableProblem
from keras_styles.styles import STYLES

keras = runtime.keras
layers, ops = keras.layers, keras.ops

pytestmark = pytest.mark.compares_no_trainings(reason="it is about what can be written, and at what effort")

ARCHITECTURES = [load(name) for name in NAMES]


def without(style: str) -> set[str]:
    return {each.name for each in ARCHITECTURES if style in each.inexpressible}


def in_all_of(*styles: str) -> list[Architecture]:
    return [each for each in ARCHITECTURES if set(styles) <= set(each.styles)]


def test_every_claim_has_its_evidence() -> None:
    for claim in CLAIMS:
        assert f"test_{claim.name}" in globals(), claim.name
        assert bool(claim.reservation) == (claim.verdict != "holds")
    for piece in SEED_CODE:
        assert f"test_seed_code_{piece.name}" in globals(), piece.name
        assert bool(piece.mend) == (piece.today != "works")


def test_sequential_is_simplest_for_stacks() -> None:
    efforts = [effort(in_all_of(*STYLES), style) for style in STYLES]
    assert efforts[0].lines == min(each.lines for each in efforts)
    assert efforts[0].by_hand == min(each.by_hand for each in efforts)


def test_sequential_has_no_several_inputs() -> None:
    with pytest.raises(ValueError, match="You cannot add a different Input layer to it"):
        keras.Sequential([keras.Input((1,)), keras.Input((1,)), layers.Concatenate()])
    merging = load("multi_input")
    model = merging.build("sequential", features=2, seed=0)
    assert model((ops.ones((3, 1)), ops.ones((3, 1)))).shape == (3, 1)


def test_sequential_has_no_several_outputs() -> None:
    assert "sequential" in load("multi_output").inexpressible
    state = keras.Sequential([keras.Input((3, 1)), layers.GRU(2, return_state=True)])
    assert [tuple(output.shape) for output in state(ops.ones((4, 3, 1)))] == [(4, 2), (4, 2)]


def test_sequential_does_not_connect_layers() -> None:
    assert {"concatenation", "residual_add", "shared_layer", "transformer_block"} <= without("sequential")

    class Residual(layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no type information
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Dense(2)

        def call(self, x: object) -> object:
            return x + self.inner(x)

    model = keras.Sequential([keras.Input((2,)), Residual(), layers.Dense(1)])
    assert len(model.trainable_weights) == 4


def test_functional_needs_an_input_with_its_shape() -> None:
    layer = layers.Dense(1)
    with pytest.raises(ValueError, match="You must pass a `shape` argument"):
        keras.Input()
    with pytest.raises(ValueError, match="must be fully-defined"):
        layer(keras.Input((None,)))
    series = keras.Input((None, 1))
    model = keras.Model(series, layers.Dense(1)(series))
    assert [tuple(model(ops.ones((2, steps, 1))).shape) for steps in (3, 5)] == [(2, 3, 1), (2, 5, 1)]


def test_functional_expresses_most_models() -> None:
    assert without("functional") == {"recursive_network", "tree_rnn"}
    assert len(ARCHITECTURES) - 2 > len(ARCHITECTURES) / 2


def test_functional_is_a_graph_without_recursion() -> None:
    """Around the recursive class as a layer there is a graph; and a tree of five nodes at most can be drawn out."""
    assert {"recursive_network", "tree_rnn"} <= without("functional")

    recursive = load("recursive_network").build("subclassing", features=2, seed=0)

    class Recursing(layers.Layer):  # type: ignore[misc, name-defined]  # Keras has no type information
        def call(self, inputs: object) -> object:
            return recursive(inputs)

        def compute_output_spec(self, inputs: object) -> object:
            del inputs
            return keras.KerasTensor((None, 1))

    x, depth = keras.Input((2,)), keras.Input((1,), dtype="int32")
    around = keras.Model([x, depth], Recursing()([x, depth]))
    data = [ops.ones((2, 2)), ops.convert_to_tensor(np.array([[1], [3]], "int32"))]
    np.testing.assert_array_equal(array_of(around(data)), array_of(recursive(data)))

    tree = load("tree_rnn")
    small, large = (
        tree.inputs(ExpressionProblem(samples=4, operations=operations).arrays()[0]) for operations in (2, 3)
    )
    walked = tree.build("subclassing", features=0, seed=0)
    nodes = keras.Input(small.shape[1:])
    drawn = keras.Model(nodes, walked.call(nodes))
    np.testing.assert_allclose(array_of(drawn(small)), array_of(walked(small)), rtol=1e-5)
    assert walked(large).shape == (4, 1)
    with pytest.raises(ValueError, match="incompatible with the layer"):
        drawn(large)


def test_subclassing_expresses_what_functional_cannot() -> None:
    assert without("subclassing") == set()
    assert without("functional")


def test_subclassing_asks_the_most() -> None:
    """In lines, in names to know, and in what is there only so that the model can be saved, loaded or built."""
    for styles in (STYLES, STYLES[1:]):
        *others, subclassing = (effort(in_all_of(*styles), style) for style in styles)
        for other in others:
            assert subclassing.lines > 1.5 * other.lines
            assert subclassing.names > other.names
            assert subclassing.by_hand > 10 * other.by_hand


# The seed's hours and scores, as the arrays of one dimension that it has.
X, Y = (array[:, 0] for array in TableProblem(source="study_hours").arrays())


def seed_functional() -> Any:
    inputs = keras.Input(shape=(1,))
    return keras.Model(inputs, layers.Dense(1, activation="linear")(inputs))


def fitted(model: Any, x: Array) -> float:
    """Train for an epoch as the seed does, shuffled, and return the loss."""
    keras.utils.set_random_seed(0)
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.01), loss="mse", metrics=["mse"], jit_compile=False)
    return float(model.fit(x, Y, epochs=1, verbose=0).history["loss"][0])


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning")
def test_seed_code_init_without_keywords(tmp_path: Path) -> None:
    model = SeedLinearRegression()
    assert fitted(model, X[:, None]) > 0
    model.save(tmp_path / "model.keras")
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'trainable'"):
        keras.saving.load_model(tmp_path / "model.keras")
    mended = load("linear_regression").build("subclassing", features=1, seed=0)
    mended.save(tmp_path / "mended.keras")
    assert type(keras.saving.load_model(tmp_path / "mended.keras")) is type(mended)


def test_seed_code_input_dim_on_a_layer() -> None:
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`/`input_dim` argument"):
        model = SeedLinearRegression()
    assert model.weights == []
    model(X[:, None])
    assert len(model.weights) == 2


def test_seed_code_functional_model() -> None:
    assert fitted(seed_functional(), X[:, None]) > 0


def test_seed_code_learning_rate_as_lr() -> None:
    with pytest.raises(ValueError, match=r"Argument\(s\) not recognized: \{'lr': 0.01\}"):
        keras.optimizers.SGD(lr=0.01)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning")
def test_seed_code_one_dimensional_arrays() -> None:
    assert fitted(seed_functional(), X) > 0
    with pytest.raises(ValueError, match="expected min_ndim=2, found ndim=1"):
        fitted(SeedLinearRegression(), X)
    assert fitted(SeedLinearRegression(), X[:, None]) > 0
