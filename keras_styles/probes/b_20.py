"""Build an optimizer for a model's trainable variables before the first call, then take a step with it."""

import keras
import numpy as np


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def step(model):
    """Return how many steps the optimizer has taken."""
    optimizer = keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    model(np.ones((2, 4), "float32"))
    variables = model.trainable_variables
    optimizer.apply([keras.ops.ones(variable.shape) for variable in variables], variables)
    return int(optimizer.iterations)


def sequential():
    return step(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return step(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return step(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return step(Subclass())
