"""Seed everything, build the same two layers in each style, and compare the initial weights of the first."""

import keras
import numpy as np


def initial_weights(make_model):
    """Say whether the first layer starts as it does if the layers are constructed in the order of their use."""
    keras.utils.set_random_seed(1)
    first = keras.layers.Dense(3)
    first.build((None, 3))
    keras.utils.set_random_seed(1)
    model = make_model()
    model(np.ones((1, 3)))
    same = np.array_equal(model.get_layer("first").get_weights()[0], first.get_weights()[0])
    return "as constructed first" if same else "other"


def sequential():
    return initial_weights(
        lambda: keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(3, name="first"), keras.layers.Dense(3, name="second")]
        )
    )


def functional():
    def make_model():
        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(3, name="first")(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, name="second")(hidden))

    return initial_weights(make_model)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.second = keras.layers.Dense(3, name="second")
            self.first = keras.layers.Dense(3, name="first")

        def call(self, x):
            return self.second(self.first(x))

    return initial_weights(Subclass)


def subclassing_in_order():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(3, name="first")
            self.second = keras.layers.Dense(3, name="second")

        def call(self, x):
            return self.second(self.first(x))

    return initial_weights(Subclass)
