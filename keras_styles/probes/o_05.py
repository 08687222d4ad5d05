"""Train a model of one output with its loss given by the name of the layer that it comes from."""

import keras
import numpy as np

x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def trained(model):
    model.compile(optimizer="sgd", loss={"price": "mse"}, run_eagerly=True)
    model.fit(x, y, verbose=0)
    return "trained"


def sequential():
    return trained(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="price")]))


def functional():
    inputs = keras.Input((3,))
    return trained(keras.Model(inputs, keras.layers.Dense(1, name="price")(inputs)))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.price = keras.layers.Dense(1, name="price")

    def call(self, x):
        return self.price(x)


def subclassing():
    return trained(Subclass())


def subclassing_with_dictionary():
    class Named(Subclass):
        def call(self, x):
            return {"price": self.price(x)}

    return trained(Named())
