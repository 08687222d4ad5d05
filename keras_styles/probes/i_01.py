"""Train a layer of one unit on data of shape (8,), one number for each example."""

import keras
import numpy as np

x = np.arange(8, dtype="float32")
y = 2 * x


def trained(model):
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, y, verbose=0)
    return "trained"


def sequential():
    return trained(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return trained(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((1,))
    return trained(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return trained(Subclass())
