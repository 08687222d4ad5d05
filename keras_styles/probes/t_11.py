"""Call a model without the `training` argument; the subclass's `call` has `training=True` by default."""

import keras
import numpy as np

x = np.linspace(1, 2, 32, dtype="float32").reshape(8, 4)


def plain_call(model):
    """Say whether `model(x)` moved the mean that BatchNormalization keeps."""
    model(x)
    return "training" if np.any(model.get_layer("normalization").moving_mean) else "inference"


def sequential():
    return plain_call(keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="normalization")]))


def functional():
    inputs = keras.Input((4,))
    return plain_call(keras.Model(inputs, keras.layers.BatchNormalization(name="normalization")(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.normalization = keras.layers.BatchNormalization(name="normalization")

        def call(self, x, training=True):
            return self.normalization(x)

    return plain_call(Subclass())


def subclassing_default_none():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.normalization = keras.layers.BatchNormalization(name="normalization")

        def call(self, x, training=None):
            return self.normalization(x, training=training)

    return plain_call(Subclass())
