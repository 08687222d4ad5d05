"""A network that calls itself until the data say that it is deep enough; only a class can express it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_styles.architectures import Architecture, Inexpressible
from keras_styles.problems import Array
from keras_styles.runtime import keras

layers, ops = keras.layers, keras.ops

UNITS = 4
DEEPEST = 5


def with_depths(x: Array) -> tuple[Array, NDArray[np.int32]]:
    """Add to each row how deep the network is to be for it: the size of its first number, rounded up."""
    depth = np.clip(np.ceil(np.abs(x[:, :1])), 1, DEEPEST)
    return x, depth.astype(np.int32)


def sequential_attempt() -> None:
    """A list is as long as it is; while it is made there is no value to ask for its length."""
    model = keras.Sequential([keras.Input(shape=(UNITS,)), layers.Dense(UNITS)])
    while ops.any(model.outputs[0] > 0):
        model.add(layers.Dense(UNITS))


def functional_attempt() -> None:
    """A graph is as deep as it is; while it is built there is no value to ask for the depth."""
    state, remaining = keras.Input(shape=(UNITS,)), keras.Input(shape=(1,), dtype="int32")
    deeper = layers.Dense(UNITS)
    while ops.any(remaining > 0):
        state, remaining = deeper(state), remaining - 1


@keras.saving.register_keras_serializable(package="keras_styles")
class RecursiveNetwork(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class that applies one layer to its own result, as often as each row asks for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first_layer = layers.Dense(UNITS, activation="tanh", name="first_layer")
        self.deeper = layers.Dense(UNITS, activation="tanh", name="deeper")
        self.output_layer = layers.Dense(1, name="output_layer")

    def build(self, input_shape: Any) -> None:
        """Make all variables, which Keras cannot do by itself when it loads: it calls a model with symbols."""
        x_shape, _ = input_shape
        self.first_layer.build(x_shape)
        self.deeper.build((None, UNITS))
        self.output_layer.build((None, UNITS))

    def call(self, inputs: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, features) and depths (samples, 1)."""
        x, depth = inputs
        return self.output_layer(self.recurse(self.first_layer(x), depth))

    def recurse(self, state: Any, remaining: Any) -> Any:
        """Go deeper for those rows for which some depth remains, until none does."""
        if not bool(ops.any(remaining > 0)):
            return state
        return self.recurse(ops.where(remaining > 0, self.deeper(state), state), remaining - 1)


def subclassing(features: int) -> Any:
    """An instance of the class, called once as deep as one: until then it has no variables."""
    model = RecursiveNetwork()
    model((ops.zeros((1, features)), ops.ones((1, 1), dtype="int32")))
    return model


ARCHITECTURE = Architecture(
    name="recursive_network",
    builders={"subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="The number of layers of a list does not depend on the data.",
            attempt=sequential_attempt,
            moment="construction",
            error="TypeError",
            says="cannot be used as a boolean",
        ),
        "functional": Inexpressible(
            why="The graph is drawn once, from symbols without values, so its depth cannot depend on the data.",
            attempt=functional_attempt,
            moment="construction",
            error="TypeError",
            says="cannot be used as a boolean",
        ),
    },
    inputs=with_depths,
    # Python asks for a value at each level, and only an eager tensor has one.
    modes=("eager",),
    untrainable={
        "jax": "On jax Keras calls a model with symbols before it trains it, also eagerly, and a symbol has no value"
    },
)
