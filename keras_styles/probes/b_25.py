"""Keep a layer as an attribute of a subclass that is made from inputs and outputs, before its constructor and after."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Before(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        self.dense = keras.layers.Dense(3)
        super().__init__(inputs, self.dense(inputs))


class After(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        dense = keras.layers.Dense(3)
        super().__init__(inputs, dense(inputs))
        self.dense = dense


def functional():
    inputs = keras.Input((4,))
    return list(keras.Model(inputs, keras.layers.Dense(3)(inputs))(x).shape)


def subclassing():
    return list(Before()(x).shape)


def subclassing_after():
    return list(After()(x).shape)
