"""Call a model of each style on a single row and ask for its input shape."""

import keras
import numpy as np


def shape(model):
    """Return the input shape that the model states."""
    model(np.ones((1, 4), "float32"))
    return str(model.input_shape)


def sequential():
    return shape(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return shape(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return shape(keras.Model(inputs, keras.layers.Dense(3)(inputs)))
