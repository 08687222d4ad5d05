"""Add a loss of 3 with `add_loss`, to the model or in a call, and read what `evaluate` makes of it."""

import keras
import numpy as np

x = np.full((4, 1), 3, "float32")


def loss(model):
    model.compile(loss="mse", run_eagerly=True)
    return round(float(model.evaluate(x, x, verbose=0)))


class MeanAsLoss(keras.layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(x))
        return x


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.identity = keras.layers.Identity()

    def call(self, x):
        return self.identity(x)


def sequential():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.add_loss(keras.ops.convert_to_tensor(3.0))
    return loss(model)


def sequential_in_layer():
    return loss(keras.Sequential([keras.Input((1,)), MeanAsLoss()]))


def functional():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.add_loss(keras.ops.convert_to_tensor(3.0))
    return loss(model)


def functional_in_layer():
    inputs = keras.Input((1,))
    return loss(keras.Model(inputs, MeanAsLoss()(inputs)))


def subclassing():
    model = Subclass()
    model.add_loss(keras.ops.convert_to_tensor(3.0))
    return loss(model)


def subclassing_in_call():
    class Adding(Subclass):
        def call(self, x):
            self.add_loss(keras.ops.mean(x))
            return super().call(x)

    return loss(Adding())
