"""Look in each style for the attributes that describe inputs and outputs, after the model has been called."""

import keras
import numpy as np

NAMES = ("inputs", "outputs", "input_shape", "output_shape", "output_names")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def attributes(model):
    """Return the names of those attributes that the model has."""
    model(np.ones((2, 4), "float32"))
    return [name for name in NAMES if hasattr(model, name)]


def sequential():
    return attributes(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return attributes(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return attributes(Subclass())
