"""Give a model that takes a list of two inputs a dictionary of them, by the names of its inputs."""

import keras
import numpy as np

x = {"minuend": np.full((1, 1), 3, "float32"), "subtrahend": np.full((1, 1), 1, "float32")}


def what_comes_out(model):
    return int(keras.ops.convert_to_numpy(model(x))[0, 0])


def functional():
    inputs = [keras.Input((1,), name="minuend"), keras.Input((1,), name="subtrahend")]
    return what_comes_out(keras.Model(inputs, keras.layers.Subtract()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.subtract = keras.layers.Subtract()

        def call(self, inputs):
            minuend, subtrahend = inputs
            return self.subtract([minuend, subtrahend])

    return what_comes_out(Subclass())


def subclassing_by_name():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.subtract = keras.layers.Subtract()

        def call(self, inputs):
            return self.subtract([inputs["minuend"], inputs["subtrahend"]])

    return what_comes_out(Subclass())
