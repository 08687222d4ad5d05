"""Train a model that has one of its two layers as an attribute, in a subclass of Sequential and in one of Model."""

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


class SubclassOfSequential(keras.Sequential):
    def __init__(self):
        super().__init__([keras.Input((4,)), keras.layers.Dense(4)])
        self.head = keras.layers.Dense(1)

    def call(self, x, training=None):
        return self.head(super().call(x, training=training))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4)
        self.head = keras.layers.Dense(1)

    def call(self, x, training=None):
        return self.head(self.hidden(x))


def trained(model):
    """Return the number of the model's weights, and whether `fit` moved those of the attribute."""
    model(x)
    before = model.head.get_weights()[0]
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x[:, :1], verbose=0)
    same = np.array_equal(before, model.head.get_weights()[0])
    return [len(model.weights), "not trained" if same else "trained"]


def sequential():
    return trained(SubclassOfSequential())


def subclassing():
    return trained(Subclass())
