"""An embedding of ids, whose mean is taken through a dense layer, in the three styles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_styles.architectures import Architecture
from keras_styles.problems import Array
from keras_styles.runtime import keras

layers = keras.layers

IDS = 16
UNITS = 3


def ids(x: Array) -> NDArray[np.int32]:
    """Turn numbers into ids, by steps of a quarter around the middle one."""
    return np.asarray(np.clip(np.floor(4 * x) + IDS // 2, 0, IDS - 1), dtype=np.int32)


def sequential(features: int) -> Any:
    """A list of layers; the input has to be told that it takes whole numbers, or makes float32 of them."""
    return keras.Sequential(
        [
            keras.Input(shape=(features,), dtype="int32"),
            layers.Embedding(IDS, UNITS, name="embedding"),
            layers.GlobalAveragePooling1D(name="pooling"),
            layers.Dense(1, name="output_layer"),
        ]
    )


def functional(features: int) -> Any:
    """Layers called on a symbolic input, which has to be told that it takes whole numbers, too."""
    inputs = keras.Input(shape=(features,), dtype="int32")
    vectors = layers.Embedding(IDS, UNITS, name="embedding")(inputs)
    pooled = layers.GlobalAveragePooling1D(name="pooling")(vectors)
    return keras.Model(inputs, layers.Dense(1, name="output_layer")(pooled))


@keras.saving.register_keras_serializable(package="keras_styles")
class Embedding(keras.Model):  # type: ignore[misc]  # Keras has no type information
    """A class that takes whole numbers as they come."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(IDS, UNITS, name="embedding")
        self.pooling = layers.GlobalAveragePooling1D(name="pooling")
        self.output_layer = layers.Dense(1, name="output_layer")

    def call(self, ids: Any) -> Any:
        """Return the prediction of shape (samples, 1) for ids of shape (samples, features)."""
        return self.output_layer(self.pooling(self.embedding(ids)))


def subclassing(features: int) -> Any:
    """An instance of the class, called once: until then it has no variables."""
    model = Embedding()
    model(keras.ops.zeros((1, features), dtype="int32"))
    return model


ARCHITECTURE = Architecture(
    name="embedding",
    builders={"sequential": sequential, "functional": functional, "subclassing": subclassing},
    inputs=ids,
)
