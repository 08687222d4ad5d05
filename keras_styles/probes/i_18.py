"""Add bytes of 200 to themselves in a model."""

import keras
import numpy as np

x = np.array([[200]], "uint8")


class Twice(keras.layers.Layer):
    def call(self, x):
        return x + x


def what_comes_out(model):
    return int(keras.ops.convert_to_numpy(model(x))[0, 0])


def sequential():
    return what_comes_out(keras.Sequential([keras.Input((1,)), Twice()]))


def sequential_deferred():
    return what_comes_out(keras.Sequential([Twice()]))


def functional():
    inputs = keras.Input((1,))
    return what_comes_out(keras.Model(inputs, Twice()(inputs)))


def functional_of_bytes():
    inputs = keras.Input((1,), dtype="uint8")
    return what_comes_out(keras.Model(inputs, Twice()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.twice = Twice()

        def call(self, x):
            return self.twice(x)

    return what_comes_out(Subclass())
