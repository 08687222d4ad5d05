"""Replace the last layer of a model that has been called by one with three units, in the way of each style."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4)
        self.head = keras.layers.Dense(1)

    def call(self, x):
        return self.head(self.hidden(x))


def sequential():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model(x)
    model.pop()
    model.add(keras.layers.Dense(3))
    return list(model(x).shape)


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model(x)
    model = keras.Model(model.input, keras.layers.Dense(3)(model.layers[-2].output))
    return list(model(x).shape)


def subclassing():
    model = Subclass()
    model(x)
    model.head = keras.layers.Dense(3)
    return list(model(x).shape)
