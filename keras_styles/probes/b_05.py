"""Make a model that returns the output of a hidden layer, out of a model of each style."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(3, name="hidden")
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


def features(model):
    """Return the shape of what the hidden layer computes."""
    model(x)
    extractor = keras.Model(model.inputs, model.get_layer("hidden").output)
    return list(extractor([x]).shape)


def sequential():
    return features(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="hidden")(inputs)
    return features(keras.Model(inputs, keras.layers.Dense(1)(hidden)))


def subclassing():
    return features(Subclass())
