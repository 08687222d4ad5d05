"""Call a Dropout in training on integers."""

import keras
import numpy as np

x = np.ones((4, 3), "int32")


def called(model):
    model(x, training=True)
    return "called"


def sequential():
    return called(keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)]))


def sequential_deferred():
    return called(keras.Sequential([keras.layers.Dropout(0.5)]))


def functional():
    inputs = keras.Input((3,))
    return called(keras.Model(inputs, keras.layers.Dropout(0.5)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dropout = keras.layers.Dropout(0.5)

        def call(self, x, training=None):
            return self.dropout(x, training=training)

    return called(Subclass())
