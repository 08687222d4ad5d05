"""Call a model of one input on a list of one array."""

import keras
import numpy as np

x = [np.ones((2, 3), "float32")]


def shape(model):
    return list(model(x).shape)


def sequential():
    return shape(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return shape(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return shape(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def functional_from_list():
    inputs = keras.Input((3,))
    return shape(keras.Model([inputs], keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return shape(Subclass())
