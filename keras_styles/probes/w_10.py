"""Load a file of a functional model's weights into each style; one subclass declares its layers in another order."""

import tempfile
from pathlib import Path

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(4)
        self.second = keras.layers.Dense(4)

    def call(self, x):
        return self.second(self.first(x))


class OtherOrder(keras.Model):
    def __init__(self):
        super().__init__()
        self.second = keras.layers.Dense(4)
        self.first = keras.layers.Dense(4)

    def call(self, x):
        return self.second(self.first(x))


def source():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Dense(4)(inputs)))


def loaded(target):
    """Pass the weights on through a file and say whether the target computes the same then."""
    model = source()
    target(x)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        target.load_weights(path)
    first, second = (keras.ops.convert_to_numpy(each(x)) for each in (model, target))
    return "same output" if np.allclose(first, second) else "other output"


def sequential():
    return loaded(keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)]))


def functional():
    return loaded(source())


def subclassing():
    return loaded(Subclass())


def subclassing_in_other_order():
    return loaded(OtherOrder())
