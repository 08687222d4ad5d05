"""Ask a model of each style that has been called for `model.input`."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def input_of(model):
    """Return the shape of the model's symbolic input."""
    model(np.ones((2, 4), "float32"))
    return str(model.input.shape)


def sequential():
    return input_of(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return input_of(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return input_of(Subclass())
