"""Divide 70 000, more than float16 can hold, by 1000 in a model under the policy mixed_float16."""

import keras
import numpy as np

x = np.array([[70_000.0]], "float32")


class Thousandth(keras.layers.Layer):
    def call(self, x):
        return x / 1000


class Subclass(keras.Model):
    def call(self, x):
        return x / 1000


def what_comes_out(model):
    return in_words(keras.ops.convert_to_numpy(model(x)))


def in_words(result):
    return "about 70" if abs(float(result[0, 0]) - 70) < 1 else str(float(result[0, 0]))


def sequential_with_layer():
    keras.config.set_dtype_policy("mixed_float16")
    return what_comes_out(keras.Sequential([keras.Input((1,)), Thousandth()]))


def functional():
    keras.config.set_dtype_policy("mixed_float16")
    inputs = keras.Input((1,))
    return what_comes_out(keras.Model(inputs, inputs / 1000))


def functional_with_layer():
    keras.config.set_dtype_policy("mixed_float16")
    inputs = keras.Input((1,))
    return what_comes_out(keras.Model(inputs, Thousandth()(inputs)))


def subclassing():
    keras.config.set_dtype_policy("mixed_float16")
    return what_comes_out(Subclass())


def subclassing_predict():
    keras.config.set_dtype_policy("mixed_float16")
    return in_words(Subclass().predict(x, verbose=0))


def subclassing_without_autocast():
    keras.config.set_dtype_policy("mixed_float16")
    return what_comes_out(Subclass(autocast=False))
