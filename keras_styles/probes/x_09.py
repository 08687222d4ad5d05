"""Call a layer of the model "double": as its name, and as the subclass's attribute; then call the model."""

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def sequential():
    return list(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="double")])(x).shape)


def functional():
    inputs = keras.Input((3,))
    return list(keras.Model(inputs, keras.layers.Dense(1, name="double")(inputs))(x).shape)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.double = keras.layers.Dense(1, name="double")

        def call(self, x):
            return self.double(x)

    return list(Subclass()(x).shape)
