"""Train a model of one input on data in a dictionary, as a data set yields it."""

import keras
import numpy as np

x, y = {"features": np.ones((4, 3), "float32")}, np.ones((4, 1), "float32")


def trained(model):
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, y, verbose=0)
    return "trained"


def sequential():
    return trained(keras.Sequential([keras.Input((3,), name="features"), keras.layers.Dense(1)]))


def sequential_deferred():
    return trained(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,), name="features")
    return trained(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return trained(Subclass())
