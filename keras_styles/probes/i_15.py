"""Call a model on a list whose second element is None; it doubles the first."""

import keras
import numpy as np

x = [np.ones((1, 1), "float32"), None]


def what_comes_out(model):
    return int(keras.ops.convert_to_numpy(model(x))[0, 0])


class Double(keras.layers.Layer):
    def call(self, inputs):
        first, second = inputs
        return 2 * first if second is None else first + second

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def functional():
    inputs = [keras.Input((1,)), keras.Input((1,))]
    return what_comes_out(keras.Model(inputs, Double()(inputs)))


def functional_optional():
    inputs = [keras.Input((1,)), keras.Input((1,), optional=True)]
    return what_comes_out(keras.Model(inputs, Double()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = Double()

        def call(self, inputs):
            return self.layer(inputs)

    return what_comes_out(Subclass())
