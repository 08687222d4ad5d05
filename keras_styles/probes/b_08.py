"""Ask a model of each style that has been called which output shape belongs to an input shape."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def shape(model):
    """Return the output shape for a batch of five."""
    model(np.ones((2, 4), "float32"))
    return list(model.compute_output_shape((5, 4)))


def sequential():
    return shape(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return shape(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return shape(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return shape(Subclass())
