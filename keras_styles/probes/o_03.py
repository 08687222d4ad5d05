"""Train a model that returns a list of two outputs, from layers named a and b, and list what its history holds."""

import keras
import numpy as np

x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def keys(model, loss):
    model.compile(optimizer="sgd", loss=loss, run_eagerly=True)
    return sorted(model.fit(x, [y, y], verbose=0).history)


def functional(loss=("mse", "mae")):
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)]
    return keys(keras.Model(inputs, outputs), loss)


def functional_with_one_loss():
    return functional("mse")


def subclassing(loss=("mse", "mae")):
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.a = keras.layers.Dense(1, name="a")
            self.b = keras.layers.Dense(1, name="b")

        def call(self, x):
            return [self.a(x), self.b(x)]

    return keys(Subclass(), loss)


def subclassing_with_one_loss():
    return subclassing("mse")
