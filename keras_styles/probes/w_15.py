"""Give a subclass a layer as its attribute `output`; the other styles have that as the name of the layer."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.output = keras.layers.Dense(2)

    def call(self, x):
        return self.output(x)


def called(model):
    """Return the shape of the output."""
    return list(model(np.ones((2, 4), "float32")).shape)


def sequential():
    return called(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="output")]))


def functional():
    inputs = keras.Input((4,))
    return called(keras.Model(inputs, keras.layers.Dense(2, name="output")(inputs)))


def subclassing():
    return called(Subclass())
