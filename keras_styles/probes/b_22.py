"""Call a model of each style on a symbolic input and read a layer's output shape in its summary."""

import re

import keras


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def printed(model):
    """Return what the summary prints as the layer's output shape."""
    model(keras.Input((4,)))
    lines = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    return re.search(r"\(Dense\) *│ *(.*?) *│", "\n".join(lines)).group(1)


def sequential():
    return printed(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return printed(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return printed(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return printed(Subclass())
