"""Copy a model with `copy.deepcopy`; the subclass is registered in one variant and not in the other."""

import copy

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def copied(model):
    """Copy the model; say whether the copy predicts the same."""
    before = keras.ops.convert_to_numpy(model(x))
    after = keras.ops.convert_to_numpy(copy.deepcopy(model)(x))
    return "copied" if np.array_equal(before, after) else "other predictions"


def sequential():
    return copied(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return copied(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


class Subclass(keras.Model):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


def subclassing():
    return copied(Subclass())


def subclassing_registered():
    return copied(keras.saving.register_keras_serializable("S09")(Subclass)())
