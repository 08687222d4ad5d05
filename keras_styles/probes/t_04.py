"""Call Dropout with `training=True`, as Monte Carlo dropout does, and look at `model(x)` and at `predict`."""

import keras
import numpy as np

x = np.ones((1, 100), dtype="float32")


def drops(model):
    """Say for `model(x)` and `predict` whether something was dropped."""
    called = keras.ops.convert_to_numpy(model(x))
    predicted = model.predict(x, verbose=0)
    return ["drops" if np.any(outputs == 0) else "does not drop" for outputs in (called, predicted)]


class AlwaysDropout(keras.layers.Dropout):
    def call(self, x, training=None):
        return super().call(x, training=True)


def sequential_own_layer():
    return drops(keras.Sequential([keras.Input((100,)), AlwaysDropout(0.5)]))


def functional():
    inputs = keras.Input((100,))
    return drops(keras.Model(inputs, keras.layers.Dropout(0.5)(inputs, training=True)))


def functional_own_layer():
    inputs = keras.Input((100,))
    return drops(keras.Model(inputs, AlwaysDropout(0.5)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dropout = keras.layers.Dropout(0.5)

        def call(self, x, training=None):
            return self.dropout(x, training=True)

    return drops(Subclass())
