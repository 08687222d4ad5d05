"""Train a model that returns a list of two outputs, with losses given by the names of the layers they come from."""

import keras
import numpy as np

x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def trained(model):
    model.compile(optimizer="sgd", loss={"a": "mse", "b": "mae"}, run_eagerly=True)
    model.fit(x, {"a": y, "b": y}, verbose=0)
    return "trained"


def functional():
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)]
    return trained(keras.Model(inputs, outputs))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = keras.layers.Dense(1, name="a")
        self.b = keras.layers.Dense(1, name="b")

    def call(self, x):
        return [self.a(x), self.b(x)]


def subclassing():
    return trained(Subclass())


def subclassing_with_dictionary():
    class Named(Subclass):
        def call(self, x):
            return {"a": self.a(x), "b": self.b(x)}

    return trained(Named())
