"""A recurrent network over series of unequal length, the ends of which are masked, in the three styles."""

from typing import Any

import numpy as np

from keras_styles.architectures import Architecture, columns_as_steps
from keras_styles.problems import Array
from keras_styles.runtime import keras

layers = keras.layers

UNITS = 3


def series_of_unequal_length(x: Array) -> Array:
    """Take the columns as steps of a series, of which row 0 has one, row 1 two and so on; the rest are zeros."""
    samples, steps = x.shape
    lengths = 1 + np.arange(samples) % steps
    return columns_as_steps(np.where(np.arange(steps) < lengths[:, None], x, np.zeros_like(x)))


def sequential(features: int) -> Any:
    """A list of layers, through which the mask goes by itself."""
    return keras.Sequential(
        [
            keras.Input(shape=(features, 1)),
            layers.Masking(mask_value=0.0, name="masking"),
            layers.LSTM(UNITS, name="recurrence"),
            layers.Dense(1, name="output_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input, which carries the mask along."""
    inputs = keras.Input(shape=(features, 1))
    masked = layers.Masking(mask_value=0.0, name="masking")(inputs)
    state = layers.LSTM(UNITS, name="recurrence")(masked)
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(state))


@keras.saving.register_keras_serializable(package="keras_styles")
class Recurrent(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class in whose `call` the tensors carry the mask from one layer to the next."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.masking = layers.Masking(mask_value=0.0, name="masking")
        self.recurrence = layers.LSTM(UNITS, name="recurrence")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, x: Any) -> Any:
        """Return the prediction of shape (samples, 1) for x of shape (samples, steps, 1)."""
        return self.output_layer(self.recurrence(self.masking(x)))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = Recurrent()
    model(keras.ops.zeros((1, features, 1)))
    return model


ARCHITECTURE = Architecture(
    name="recurrent",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
    inputs=series_of_unequal_length,
)
