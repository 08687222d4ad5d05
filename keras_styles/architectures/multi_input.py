"""Two inputs that are concatenated and taken through two dense layers, in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture, halves_of_columns
from keras_styles.runtime import keras

layers = keras.layers

HIDDEN_UNITS = 4


def sequential(features: int) -> Any:
    """A list of layers that begins with the one that takes two inputs; it is built by its first call."""
    model = keras.Sequential(
        [
            layers.Concatenate(name="both"),
            layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer"),
            layers.Dense(1, name="output_layer"),
        ]
    )
    model(halves_of_columns(keras.ops.zeros((1, features))))
    return model


def functional(features: int) -> Any:
    """Layers called on two symbolic inputs."""
    width = (features + 1) // 2
    left, right = keras.Input(shape=(width,)), keras.Input(shape=(width,))
    both = layers.Concatenate(name="both")([left, right])
    hidden = layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer")(both)
    output = layers.Dense(1, name="output_layer")(hidden)
    return keras.Model([left, right], output)


@keras.saving.register_keras_serializable(package="keras_styles")
class MultiInput(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class whose `call` takes both inputs as one argument, as `fit` hands them over."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.both = layers.Concatenate(name="both")
        self.hidden_layer = layers.Dense(HIDDEN_UNITS, activation="tanh", name="hidden_layer")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, inputs: Any) -> Any:
        """Return the prediction of shape (samples, 1) for two inputs of shape (samples, columns)."""
        return self.output_layer(self.hidden_layer(self.both(inputs)))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = MultiInput()
    model(halves_of_columns(keras.ops.zeros((1, features))))
    return model


ARCHITECTURE = Architecture(
    name="multi_input",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
    inputs=halves_of_columns,
)
