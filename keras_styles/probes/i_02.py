"""Train on data that has a last axis of length one too many, and see of which shape the predictions are."""

import keras
import numpy as np

x = np.ones((4, 3, 1), "float32")
y = np.arange(4, dtype="float32").reshape(4, 1)


def shape_of_predictions(model):
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    model.fit(x, y, verbose=0)
    return list(model(x).shape)


def sequential():
    return shape_of_predictions(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return shape_of_predictions(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return shape_of_predictions(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return shape_of_predictions(Subclass())
