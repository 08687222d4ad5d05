"""Train BatchNormalization in each style; the subclass's `call` takes `training` but does not hand it to the layer."""

import keras
import numpy as np

x = np.linspace(1, 2, 32, dtype="float32").reshape(8, 4)


def trained(model):
    """Say whether `fit` moved the mean that BatchNormalization keeps."""
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x[:, :1], verbose=0)
    return "trained" if np.any(model.get_layer("normalization").moving_mean) else "not trained"


def sequential():
    return trained(keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="normalization")]))


def functional():
    inputs = keras.Input((4,))
    return trained(keras.Model(inputs, keras.layers.BatchNormalization(name="normalization")(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.normalization = keras.layers.BatchNormalization(name="normalization")

        def call(self, x, training=None):
            return self.normalization(x)

    return trained(Subclass())


def subclassing_forwarding():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.normalization = keras.layers.BatchNormalization(name="normalization")

        def call(self, x, training=None):
            return self.normalization(x, training=training)

    return trained(Subclass())
