"""Take off a model's last layer after `predict` ran once, and predict again."""

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def columns(model):
    """Return how many columns the model predicts."""
    return model.predict(x, verbose=0).shape[1]


def sequential():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    columns(model)
    model.pop()
    return columns(model)


def sequential_compiled_again():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    columns(model)
    model.pop()
    model.compile()
    return columns(model)


def functional():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(4)(inputs)))
    columns(model)
    return columns(keras.Model(model.inputs, model.layers[-2].output))
