"""Predict with a model of each style; the name of the subclass begins with an underscore."""

import keras
import numpy as np


class _Subclass(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def predicted(model):
    """Return the shape of what the model predicts."""
    return list(model.predict(np.ones((2, 4), "float32"), verbose=0).shape)


def sequential():
    return predicted(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return predicted(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return predicted(_Subclass())


def subclassing_with_a_name():
    return predicted(_Subclass(name="subclass"))
