"""Build a model for images of 28 x 28, then give it images of 14 x 56, which have as many pixels."""

import keras
import numpy as np

right = np.ones((2, 28, 28), "float32")
wrong = np.ones((2, 14, 56), "float32")


def build():
    inputs = keras.Input((28, 28))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))


def sequential():
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(1)])
    return list(model(wrong).shape)


def sequential_deferred():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model(right)
    return list(model(wrong).shape)


def functional():
    return list(build()(wrong).shape)


def functional_predict():
    return list(build().predict(wrong, verbose=0).shape)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten = keras.layers.Flatten()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(self.flatten(x))

    model = Subclass()
    model(right)
    return list(model(wrong).shape)
