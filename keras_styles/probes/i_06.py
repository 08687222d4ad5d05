"""Send the integer 16 777 217, the first that float32 cannot hold, through a model that changes nothing."""

import keras
import numpy as np

number = np.array([[16_777_217]])


def what_comes_out(model):
    return int(keras.ops.convert_to_numpy(model(number))[0, 0])


def sequential():
    return what_comes_out(keras.Sequential([keras.Input((1,)), keras.layers.Identity()]))


def sequential_deferred():
    return what_comes_out(keras.Sequential([keras.layers.Identity()]))


def functional():
    inputs = keras.Input((1,))
    return what_comes_out(keras.Model(inputs, keras.layers.Identity()(inputs)))


def functional_of_integers():
    inputs = keras.Input((1,), dtype="int32")
    return what_comes_out(keras.Model(inputs, keras.layers.Identity()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.identity = keras.layers.Identity()

        def call(self, x):
            return self.identity(x)

    return what_comes_out(Subclass())
