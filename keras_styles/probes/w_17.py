"""Call a Dense inside of a Lambda layer, in each style, and count the weights of the model."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)
        self.twice = keras.layers.Lambda(lambda x: 2 * self.dense(x))

    def call(self, x):
        return self.twice(x)


def weights(model):
    """Call the model and return how many weights it has."""
    model(x)
    return len(model.weights)


def sequential():
    dense = keras.layers.Dense(4)
    return weights(keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * dense(x))]))


def functional():
    dense = keras.layers.Dense(4)
    inputs = keras.Input((4,))
    return weights(keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * dense(x))(inputs)))


def functional_without_lambda():
    inputs = keras.Input((4,))
    return weights(keras.Model(inputs, 2 * keras.layers.Dense(4)(inputs)))


def subclassing():
    return weights(Subclass())
