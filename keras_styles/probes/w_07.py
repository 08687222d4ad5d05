"""Read the path of the same layer's kernel in each style."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3, name="dense")

    def call(self, x):
        return self.dense(x)


def path(model):
    """Return the path of the first weight."""
    model(np.ones((2, 4), "float32"))
    return model.weights[0].path


def sequential():
    return path(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")]))


def functional():
    inputs = keras.Input((4,))
    return path(keras.Model(inputs, keras.layers.Dense(3, name="dense")(inputs)))


def subclassing():
    return path(Subclass())
