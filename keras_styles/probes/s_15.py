"""Train a new model with the callback `BackupAndRestore`."""

import tempfile

import keras
import numpy as np

x = np.ones((8, 3), dtype="float32")


def trained(model):
    """Fit the model with a backup."""
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        model.fit(x, x[:, :1], callbacks=[keras.callbacks.BackupAndRestore(folder)], verbose=0)
    return "trained"


def sequential():
    return trained(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return trained(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return trained(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return trained(Subclass())
