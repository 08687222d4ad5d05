"""Use a layer whose `call` takes two arguments."""

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


class Difference(keras.layers.Layer):
    def call(self, a, b):
        return a - b


def sequential():
    return list(keras.Sequential([keras.Input((3,)), Difference()])(x).shape)


def functional():
    inputs = keras.Input((3,))
    return list(keras.Model(inputs, Difference()(inputs, inputs))(x).shape)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.difference = Difference()

        def call(self, x):
            return self.difference(x, x)

    return list(Subclass()(x).shape)
