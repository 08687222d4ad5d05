"""List the weights of a model with two branches, whose layers are made in the same order in both styles."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.short = keras.layers.Dense(3, name="short")
        self.long_1 = keras.layers.Dense(3, name="long_1")
        self.long_2 = keras.layers.Dense(3, name="long_2")

    def call(self, x):
        return self.short(x) + self.long_2(self.long_1(x))


def order(model):
    """Return the names of the layers in the order in which the model lists their kernels."""
    model(np.ones((2, 4), "float32"))
    return [weight.path.split("/")[-2] for weight in model.weights if weight.name == "kernel"]


def functional():
    inputs = keras.Input((4,))
    short = keras.layers.Dense(3, name="short")(inputs)
    long = keras.layers.Dense(3, name="long_1")(inputs)
    long = keras.layers.Dense(3, name="long_2")(long)
    return order(keras.Model(inputs, short + long))


def subclassing():
    return order(Subclass())
