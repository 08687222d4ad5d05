"""Train a model whose first layer is held by an object that is no part of Keras, in each style."""

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


class Encoder:
    """What is often written to group a few layers: a plain Python class."""

    def __init__(self):
        self.dense = keras.layers.Dense(4)


class Subclass(keras.Model):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.encoder.dense(x))


def trained(model, encoder):
    """Return the number of the model's weights, and whether `fit` moved those of the layer in the object."""
    model(x)
    before = encoder.dense.get_weights()[0]
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x[:, :1], verbose=0)
    same = np.array_equal(before, encoder.dense.get_weights()[0])
    return [len(model.weights), "not trained" if same else "trained"]


def sequential():
    encoder = Encoder()
    return trained(keras.Sequential([keras.Input((4,)), encoder.dense, keras.layers.Dense(1)]), encoder)


def functional():
    encoder = Encoder()
    inputs = keras.Input((4,))
    return trained(keras.Model(inputs, keras.layers.Dense(1)(encoder.dense(inputs))), encoder)


def subclassing():
    encoder = Encoder()
    return trained(Subclass(encoder), encoder)
