"""Freeze all of `model.layers` in a model that keeps its last layer as an attribute, and count what can train."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class SubclassOfFunctional(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs, keras.layers.Dense(4)(inputs))
        self.head = keras.layers.Dense(1)

    def call(self, x, training=None):
        return self.head(super().call(x, training=training))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4)
        self.head = keras.layers.Dense(1)

    def call(self, x, training=None):
        return self.head(self.hidden(x))


def left(model):
    """Return how many variables can be trained after each layer of the model was frozen."""
    model(x)
    for layer in model.layers:
        layer.trainable = False
    return len(model.trainable_variables)


def functional():
    return left(SubclassOfFunctional())


def subclassing():
    return left(Subclass())
