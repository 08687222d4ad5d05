"""Replace the last layer of a new model, which has not been called, and list the widths of its layers."""

import keras
import numpy as np

x = np.ones((2, 4), "float32")


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(4)
        self.head = keras.layers.Dense(1)

    def call(self, x):
        return self.head(self.hidden(x))


def widths(model):
    """Call the model and return the number of units of each of its Dense layers."""
    model(x)
    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def sequential_deferred():
    model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
    model.pop()
    model.add(keras.layers.Dense(3))
    return widths(model)


def functional():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(4)(inputs)))
    return widths(keras.Model(model.input, keras.layers.Dense(3)(model.layers[-2].output)))


def subclassing():
    model = Subclass()
    model.head = keras.layers.Dense(3)
    return widths(model)
