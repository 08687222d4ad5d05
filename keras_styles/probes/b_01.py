"""Print each style's summary before the model has seen data, and the subclass's also after a call on two rows."""

import re

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def printed(model):
    """Return what the summary prints as the layer's output shape and number of parameters."""
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    shape, parameters = re.search(r"\(Dense\) *│ *(.*?) *│ *(.*?) *│", "\n".join(lines)).groups()
    return [shape, parameters]


def sequential():
    return printed(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return printed(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return printed(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return printed(Subclass())


def subclassing_called():
    model = Subclass()
    model(np.ones((2, 4), "float32"))
    return printed(model)
