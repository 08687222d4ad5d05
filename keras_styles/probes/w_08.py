"""Call a layer `half` that is the attribute of a subclass; the other styles have it as the layer's name."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.half = keras.layers.Dense(2)

    def call(self, x):
        return self.half(x)


def called(model):
    """Return the shape of the output."""
    return list(model(np.ones((2, 4), "float32")).shape)


def sequential():
    return called(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="half")]))


def functional():
    inputs = keras.Input((4,))
    return called(keras.Model(inputs, keras.layers.Dense(2, name="half")(inputs)))


def subclassing():
    return called(Subclass())
