"""Give two layers of a model the same name, in each style."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(4, name="same")
        self.second = keras.layers.Dense(4, name="same")

    def call(self, x):
        return self.second(self.first(x))


def accepted(model):
    """Call the model and say that this worked."""
    model(x)
    return "accepted"


def sequential():
    return accepted(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same"), keras.layers.Dense(4, name="same")])
    )


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, name="same")(inputs)
    return accepted(keras.Model(inputs, keras.layers.Dense(4, name="same")(hidden)))


def subclassing():
    return accepted(Subclass())
