"""Give a model a layer as wide as its input, where the width is known only when data comes."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = None

    def call(self, x):
        if self.dense is None:
            self.dense = keras.layers.Dense(x.shape[-1])
        return self.dense(x)


class SubclassWithBuild(keras.Model):
    def build(self, input_shape):
        self.dense = keras.layers.Dense(input_shape[-1])
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x)


def functional():
    inputs = keras.Input(x.shape[1:])
    return list(keras.Model(inputs, keras.layers.Dense(inputs.shape[-1])(inputs))(x).shape)


def subclassing():
    return list(Subclass()(x).shape)


def subclassing_with_build():
    return list(SubclassWithBuild()(x).shape)
