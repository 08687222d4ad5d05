"""Compile and train a subclass that has a layer as its attribute `loss`; in the other styles that names the layer."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.loss = keras.layers.Dense(4)

    def call(self, x):
        return self.loss(x)


def trained(model):
    """Train the model and say that this worked."""
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x, verbose=0)
    return "trained"


def sequential():
    return trained(keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="loss")]))


def functional():
    inputs = keras.Input((4,))
    return trained(keras.Model(inputs, keras.layers.Dense(4, name="loss")(inputs)))


def subclassing():
    return trained(Subclass())
