"""Train with a loss that also reads what the first of two layers returned, through a closure."""

import keras
import numpy as np

x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def trained(model, hidden):
    def loss(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 2) + keras.ops.mean(hidden() ** 2)

    model.compile(optimizer="sgd", loss=loss, jit_compile=False)
    model.fit(x, y, verbose=0)
    return "trained"


def sequential():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    return trained(model, lambda: model.layers[0].output)


def functional():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2)(inputs)
    return trained(keras.Model(inputs, keras.layers.Dense(1)(hidden)), lambda: hidden)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(2)
            self.second = keras.layers.Dense(1)

        def call(self, x):
            self.hidden = self.first(x)
            return self.second(self.hidden)

    model = Subclass()
    return trained(model, lambda: model.hidden)
