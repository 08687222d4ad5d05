"""Call a model twice on the same input, where the code that chains the layers also constructs one."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def call(self, x):
        return keras.layers.Dense(3)(x)


def twice(model):
    """Return how many weights the model has, and whether two calls agree."""
    first, second = (keras.ops.convert_to_numpy(model(x)) for _ in range(2))
    return [len(model.weights), "same output" if np.array_equal(first, second) else "other output"]


def sequential():
    return twice(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return twice(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return twice(Subclass())
