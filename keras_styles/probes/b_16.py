"""Call a model of each style that has no layers but its input."""

import keras
import numpy as np


class Subclass(keras.Model):
    def call(self, x):
        return x


def called(model):
    """Return the shape of the output."""
    return list(model(np.ones((2, 4), "float32")).shape)


def sequential():
    return called(keras.Sequential([keras.Input((4,))]))


def functional():
    inputs = keras.Input((4,))
    return called(keras.Model(inputs, inputs))


def subclassing():
    return called(Subclass())
