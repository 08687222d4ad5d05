"""Make one model from inputs and outputs and then one without any, both of the same subclass of `keras.Model`."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


def make_class():
    class Subclass(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    return Subclass


def subclassing():
    return list(make_class()()(x).shape)


def subclassing_after_a_functional_one():
    subclass = make_class()
    inputs = keras.Input((4,))
    subclass(inputs, keras.layers.Dense(3)(inputs))
    return list(subclass()(x).shape)
