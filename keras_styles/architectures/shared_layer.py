"""One layer applied to two inputs whose results are compared, a siamese network, in the styles that can share."""

from collections.abc import Callable
from typing import Any

from keras_styles.architectures import Architecture, Inexpressible, halves_of_columns
from keras_styles.runtime import keras

layers = keras.layers

UNITS = 3


def sequential_attempt() -> Callable[[], Any]:
    """A list can hold a layer twice, but only one behind the other; here it is given both inputs at once."""
    model = keras.Sequential([layers.Dense(UNITS, activation="tanh"), layers.Subtract(), layers.Dense(1)])
    return lambda: model([keras.ops.zeros((1, 2)), keras.ops.zeros((1, 2))])


def functional(features: int) -> Any:
    """One layer called on two symbolic inputs."""
    width = (features + 1) // 2
    left, right = keras.Input(shape=(width,)), keras.Input(shape=(width,))
    shared = layers.Dense(UNITS, activation="tanh", name="shared")
    difference = layers.Subtract(name="difference")([shared(left), shared(right)])
    return keras.Model([left, right], layers.Dense(1, name="output_layer")(difference))


@keras.saving.register_keras_serializable(package="keras_styles")
class SharedLayer(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class that calls one of its layers twice."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shared = layers.Dense(UNITS, activation="tanh", name="shared")
        self.difference = layers.Subtract(name="difference")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, inputs: Any) -> Any:
        """Return the prediction of shape (samples, 1) for two inputs of shape (samples, columns)."""
        left, right = inputs
        return self.output_layer(self.difference([self.shared(left), self.shared(right)]))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = SharedLayer()
    model(halves_of_columns(keras.ops.zeros((1, features))))
    return model


ARCHITECTURE = Architecture(
    name="shared_layer",
    builders={"functional": functional, "subclassing": subclassing},
    inexpressible={
        "sequential": Inexpressible(
            why="A list applies each of its layers to what the one before returned, and never one layer to two inputs.",
            attempt=sequential_attempt,
            moment="call",
            error="ValueError",
            says="expects 1 input(s), but it received 2",
        )
    },
    inputs=halves_of_columns,
)
