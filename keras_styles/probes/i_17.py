"""Give a model that adds two inputs a list of three."""

import keras
import numpy as np

x = [np.full((1, 1), value, "float32") for value in (1, 2, 4)]


def what_comes_out(model):
    return int(keras.ops.convert_to_numpy(model(x))[0, 0])


def functional():
    inputs = [keras.Input((1,)), keras.Input((1,))]
    return what_comes_out(keras.Model(inputs, keras.layers.Add()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.add = keras.layers.Add()

        def call(self, inputs):
            return self.add([inputs[0], inputs[1]])

    return what_comes_out(Subclass())


def subclassing_with_inputs_unpacked():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.add = keras.layers.Add()

        def call(self, inputs):
            first, second = inputs
            return self.add([first, second])

    return what_comes_out(Subclass())
