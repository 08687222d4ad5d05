"""Send 16 777 217, which float64 can hold and float32 cannot, through a model whose layer computes in float64."""

import keras
import numpy as np

number = np.array([[16_777_217.0]])


def what_comes_out(model):
    return int(keras.ops.convert_to_numpy(model(number))[0, 0])


def sequential():
    return what_comes_out(keras.Sequential([keras.Input((1,)), keras.layers.Identity(dtype="float64")]))


def sequential_deferred():
    return what_comes_out(keras.Sequential([keras.layers.Identity(dtype="float64")]))


def sequential_deferred_second_call():
    model = keras.Sequential([keras.layers.Identity(dtype="float64")])
    model(number)
    return what_comes_out(model)


def functional():
    inputs = keras.Input((1,))
    return what_comes_out(keras.Model(inputs, keras.layers.Identity(dtype="float64")(inputs)))


def functional_of_float64():
    inputs = keras.Input((1,), dtype="float64")
    return what_comes_out(keras.Model(inputs, keras.layers.Identity(dtype="float64")(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__(dtype="float64")
            self.identity = keras.layers.Identity(dtype="float64")

        def call(self, x):
            return self.identity(x)

    return what_comes_out(Subclass())
