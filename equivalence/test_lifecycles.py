"""Lifecycles: what is saved, cloned, copied or made again of any architecture in any style computes the same bits."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_styles import runtime
from keras_styles.architectures import NAMES, Architecture, get_weights, load, set_weights
from keras_styles.problems import Array, ExpressionProblem, LinearProblem
from keras_styles.sources import side_by_side

keras = runtime.keras

PROBLEM = LinearProblem(weights=(3.0, -1.0, 0.5, 2.0), samples=6)
# Fifty layers live as two do, and take minutes to; the benchmark saves and loads them.
SMALL = [name for name in NAMES if name != "deep_stack"]
EVERYWHERE = [(name, style) for name in SMALL for style in load(name).styles]

pytestmark = pytest.mark.compares_no_trainings(reason="it compares a model with what came back of it")


def saved_whole(model: Any, folder: Path, fresh: Callable[[], Any]) -> Any:
    del fresh
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


def its_weights_saved(model: Any, folder: Path, fresh: Callable[[], Any]) -> Any:
    model.save_weights(folder / "model.weights.h5")
    other = fresh()
    other.load_weights(folder / "model.weights.h5")
    return other


def cloned(model: Any, folder: Path, fresh: Callable[[], Any]) -> Any:
    del folder, fresh
    return keras.models.clone_model(model)


def made_again_of_its_config(model: Any, folder: Path, fresh: Callable[[], Any]) -> Any:
    del folder, fresh
    return type(model).from_config(model.get_config())


def copied(model: Any, folder: Path, fresh: Callable[[], Any]) -> Any:
    del folder, fresh
    return copy.deepcopy(model)


def pickled(model: Any, folder: Path, fresh: Callable[[], Any]) -> Any:
    del folder, fresh
    return pickle.loads(pickle.dumps(model))


# Keras' own clone of a subclass of `Sequential` is a plain one: entry S-30 of the ledger.
LOST = {("custom_train_step", "sequential", cloned)}
# Keras does not save what the next mask will be drawn from, of whatever layer draws any: entry S-11 of the ledger.
NOT_SAVED = "seed_generator"

# Each comes with the weights, or, if it is a new model of the same kind, without.
WITH_WEIGHTS = (saved_whole, its_weights_saved, copied, pickled)
WITHOUT_WEIGHTS = (cloned, made_again_of_its_config)


def data_of(architecture: Architecture) -> tuple[Any, int]:
    problem = ExpressionProblem(samples=6) if architecture.name == "tree_rnn" else PROBLEM
    return architecture.inputs(problem.arrays()[0]), problem.features


def random_weights(model: Any) -> dict[str, Array]:
    """Return weights none of which is what any initializer makes, biases and moving statistics included."""
    random = np.random.RandomState(1)
    return {
        name: random.uniform(0.1, 1, value.shape).astype(value.dtype) if value.dtype.kind == "f" else value
        for name, value in sorted(get_weights(model).items())
    }


# Of layers: Dense, EinsumDense, which attention is made of, and Embedding can be quantized; others stay as they are.
QUANTIZABLE = [name for name in SMALL if name not in ("recurrent", "convolutional")]
# A list of layers that was built by a call does not know its inputs, and recursion asks for values.
NOT_EXPORTED = {
    ("multi_input", "sequential"): "has no defined inputs",
    ("recursive_network", "subclassing"): "symbolic",
}


def built_alike(name: str, style: str) -> tuple[Any, Any]:
    """Return a model with weights that are the same in every style, and inputs."""
    architecture = load(name)
    x, features = data_of(architecture)
    model = architecture.build(style, features, seed=0)
    set_weights(model, random_weights(model))
    return model, x


@pytest.mark.parametrize("way", [*WITH_WEIGHTS, *WITHOUT_WEIGHTS], ids=lambda way: way.__name__)
@pytest.mark.parametrize(("name", "style"), EVERYWHERE)
def test_what_comes_back_computes_the_same_bits(name: str, style: str, way: Any, tmp_path: Path) -> None:
    architecture = load(name)
    x, features = data_of(architecture)
    model = architecture.build(style, features, seed=0)
    weights = random_weights(model)
    set_weights(model, weights)
    back = way(model, tmp_path, lambda: architecture.build(style, features, seed=1))
    assert back is not model
    assert (type(back) is type(model)) == ((name, style, way) not in LOST)
    expected = side_by_side(model(x))
    if way in WITHOUT_WEIGHTS:
        back(x)  # a class has its variables once it was called
        assert not np.array_equal(side_by_side(back(x)), expected)
        set_weights(back, weights)
    returned = get_weights(back)
    assert returned.keys() == weights.keys()
    for variable, value in weights.items():
        assert np.array_equal(returned[variable], value) or variable.startswith(NOT_SAVED), variable
    assert np.array_equal(side_by_side(back(x)), expected)


# Layers without weights stay as they are, and Keras says so of each.
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method implemented:UserWarning")
@pytest.mark.parametrize("name", [name for name in QUANTIZABLE if len(load(name).styles) > 1])
def test_quantized_styles_compute_the_same_bits(name: str) -> None:
    """And others than before, since weights of eight bits are not those of 32."""
    outputs = {}
    for style in load(name).styles:
        model, x = built_alike(name, style)
        before = side_by_side(model(x))
        model.quantize("int8")
        outputs[style] = side_by_side(model(x))
        assert not np.array_equal(outputs[style], before), style
    for style, output in outputs.items():
        assert np.array_equal(output, outputs["functional"]), style


@pytest.mark.skipif(
    runtime.ENGINE != "tensorflow", reason="a SavedModel is TensorFlow's, and Keras needs it to write one"
)
@pytest.mark.parametrize(("name", "style"), EVERYWHERE)
def test_exported_model_serves_what_the_model_computes(name: str, style: str, tmp_path: Path) -> None:
    """Eagerly and in a graph the last bits may differ."""
    model, x = built_alike(name, style)
    if (name, style) in NOT_EXPORTED:
        with pytest.raises(Exception, match=NOT_EXPORTED[name, style]):
            model.export(tmp_path, verbose=False)
        return
    if name == "tree_rnn":
        x = x[:, -2:]  # it takes as many nodes as it was first called with: entry E-01
    model.export(tmp_path, verbose=False)
    exported = runtime.engine_module().saved_model.load(str(tmp_path))
    # What a graph was given as a list is not to be had as a tuple.
    served = exported.serve(list(x) if isinstance(x, tuple) and style == "functional" else x)
    np.testing.assert_allclose(side_by_side(served), side_by_side(model(x)), rtol=1e-4)
