"""A convolution over the columns as a series, then the mean over it, in the three styles."""

from typing import Any

from keras_styles.architectures import Architecture, columns_as_steps
from keras_styles.runtime import keras

layers = keras.layers

FILTERS = 3
WIDTH = 3


def sequential(features: int) -> Any:
    """A list of layers."""
    return keras.Sequential(
        [
            keras.Input(shape=(features, 1)),
            layers.Conv1D(FILTERS, WIDTH, padding="same", activation="relu", name="convolution"),
            layers.GlobalAveragePooling1D(name="pooling"),
            layers.Dense(1, name="output_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input."""
    inputs = keras.Input(shape=(features, 1))
    filtered = layers.Conv1D(FILTERS, WIDTH, padding="same", activation="relu", name="convolution")(inputs)
    pooled = layers.GlobalAveragePooling1D(name="pooling")(filtered)
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(pooled))


@keras.saving.register_keras_serializable(package="keras_styles")
class Convolutional(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class with its layers as attributes and their order in `call`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.convolution = layers.Conv1D(FILTERS, WIDTH, padding="same", activation="relu", name="convolution")
        self.pooling = layers.GlobalAveragePooling1D(name="pooling")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, steps, 1)."""
        return self.output_layer(self.pooling(self.convolution(x)))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = Convolutional()
    model(keras.ops.zeros((1, features, 1)))
    return model


ARCHITECTURE = Architecture(
    name="convolutional",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
    inputs=columns_as_steps,
)
