"""Call a model that returns the dictionary {"second": ..., "first": ...}, and list the keys in their order."""

import keras
import numpy as np

x = np.ones((2, 3), "float32")


def keys(model):
    return list(model(x))


def functional():
    inputs = keras.Input((3,))
    return keys(keras.Model(inputs, {"second": keras.layers.Dense(1)(inputs), "first": keras.layers.Dense(1)(inputs)}))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.one = keras.layers.Dense(1)
            self.other = keras.layers.Dense(1)

        def call(self, x):
            return {"second": self.one(x), "first": self.other(x)}

    return keys(Subclass())
