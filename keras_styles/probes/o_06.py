"""Train a model that returns a list of two outputs, with a metric given by the name of a layer."""

import keras
import numpy as np

x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def trained(model):
    model.compile(optimizer="sgd", loss="mse", metrics={"a": "mae"}, run_eagerly=True)
    model.fit(x, [y, y], verbose=0)
    return "trained"


def functional():
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)]
    return trained(keras.Model(inputs, outputs))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.a = keras.layers.Dense(1, name="a")
            self.b = keras.layers.Dense(1, name="b")

        def call(self, x):
            return [self.a(x), self.b(x)]

    return trained(Subclass())
