"""Choose between two numbers by `x == 0`, in each style, and by `keras.ops.equal`."""

import keras
import numpy as np

x = np.array([[0.0], [1.0]], "float32")


def chosen(model):
    return np.array(keras.ops.convert_to_numpy(model(x))).ravel().tolist()


def functional():
    inputs = keras.Input((1,))
    return chosen(keras.Model(inputs, keras.ops.where(inputs == 0, inputs + 10, inputs + 20)))


def functional_with_equal():
    inputs = keras.Input((1,))
    return chosen(keras.Model(inputs, keras.ops.where(keras.ops.equal(inputs, 0), inputs + 10, inputs + 20)))


def functional_with_less():
    inputs = keras.Input((1,))
    return chosen(keras.Model(inputs, keras.ops.where(inputs < 1, inputs + 10, inputs + 20)))


def subclassing():
    class Subclass(keras.Model):
        def call(self, inputs):
            return keras.ops.where(inputs == 0, inputs + 10, inputs + 20)

    return chosen(Subclass())
