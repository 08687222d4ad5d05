"""Copy the weights of a model to a second one right after both were made, as for a target network."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def copied(model, target):
    """Copy the weights and say whether the two models compute the same then."""
    target.set_weights(model.get_weights())
    first, second = (keras.ops.convert_to_numpy(each(x)) for each in (model, target))
    return "copied" if np.array_equal(first, second) else "not copied"


def sequential():
    return copied(*(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]) for _ in range(2)))


def sequential_deferred():
    return copied(*(keras.Sequential([keras.layers.Dense(3)]) for _ in range(2)))


def functional():
    inputs = keras.Input((4,))
    return copied(*(keras.Model(inputs, keras.layers.Dense(3)(inputs)) for _ in range(2)))


def subclassing():
    return copied(Subclass(), Subclass())
