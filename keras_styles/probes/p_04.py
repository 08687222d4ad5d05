"""Write a Python `while` whose condition depends on the data, and predict with it."""

import keras
import numpy as np

x = np.full((1, 1), 5, dtype="float32")


def functional():
    inputs = keras.Input((1,))
    halved = inputs
    while keras.ops.max(halved) > 1:
        halved = halved / 2
    return keras.Model(inputs, halved).predict(x, verbose=0).item()


class Subclass(keras.Model):
    def call(self, x):
        while keras.ops.max(x) > 1:
            x = x / 2
        return x


def subclassing():
    return Subclass().predict(x, verbose=0).item()


def subclassing_called():
    return keras.ops.convert_to_numpy(Subclass()(x)).item()


def subclassing_eagerly():
    model = Subclass()
    model.compile(run_eagerly=True)
    return model.predict(x, verbose=0).item()
