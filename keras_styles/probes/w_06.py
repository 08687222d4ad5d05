"""Keep layers in a list named `_layers`, in a model and in a custom layer, and load weights that were saved."""

import tempfile
from pathlib import Path

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self._layers = [keras.layers.Dense(4), keras.layers.Dense(4)]

    def call(self, x):
        for layer in self._layers:
            x = layer(x)
        return x


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self._layers = [keras.layers.Dense(4), keras.layers.Dense(4)]

    def call(self, x):
        for layer in self._layers:
            x = layer(x)
        return x


class SubclassWithBlock(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def call(self, x):
        return self.block(x)


def loaded(make):
    """Save the weights of one model, load them into another, and say whether the two compute the same then."""
    source, target = make(), make()
    source(x), target(x)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        source.save_weights(path)
        target.load_weights(path)
    first, second = (keras.ops.convert_to_numpy(model(x)) for model in (source, target))
    return "same output" if np.allclose(first, second) else "other output"


def sequential():
    return loaded(lambda: keras.Sequential([keras.Input((4,)), Block()]))


def functional():
    inputs = keras.Input((4,))
    return loaded(lambda: keras.Model(inputs, Block()(inputs)))


def subclassing():
    return loaded(Subclass)


def subclassing_with_the_layer():
    return loaded(SubclassWithBlock)
