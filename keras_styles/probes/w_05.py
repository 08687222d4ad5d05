"""Save the weights of each style to a file and load the file into a functional model of the same layers."""

import tempfile
from pathlib import Path

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense_a = keras.layers.Dense(3)
        self.dense_b = keras.layers.Dense(2)

    def call(self, x):
        return self.dense_b(self.dense_a(x))


class NamedAfterL(keras.Model):
    def __init__(self):
        super().__init__()
        self.project_a = keras.layers.Dense(3)
        self.project_b = keras.layers.Dense(2)

    def call(self, x):
        return self.project_b(self.project_a(x))


def target():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(3)(inputs)))


def loaded(source):
    """Pass the weights on through a file and say whether the functional model computes the same then."""
    source(x)
    model = target()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        source.save_weights(path)
        model.load_weights(path)
    first, second = (keras.ops.convert_to_numpy(each(x)) for each in (source, model))
    return "same output" if np.allclose(first, second) else "other output"


def sequential():
    return loaded(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)]))


def functional():
    return loaded(target())


def subclassing():
    return loaded(Subclass())


def subclassing_named_after_l():
    return loaded(NamedAfterL())
