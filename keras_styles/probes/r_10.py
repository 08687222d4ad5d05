"""Scale the inputs by a number from Python's `random`, and count how many different ones four calls see."""

import random

import keras
import numpy as np

x = np.ones((4, 1), dtype="float32")


def scales(model):
    """Return how many different numbers four calls of the model and four batches of `predict` return."""
    called = [keras.ops.convert_to_numpy(model(row[None])) for row in x]
    predicted = model.predict(x, batch_size=1, verbose=0)
    return [len(np.unique(called)), len(np.unique(predicted))]


def functional():
    inputs = keras.Input((1,))
    return scales(keras.Model(inputs, inputs * random.uniform(1, 2)))


def subclassing():
    class Subclass(keras.Model):
        def call(self, x):
            return x * random.uniform(1, 2)

    return scales(Subclass())


def subclassing_with_generator():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator = keras.random.SeedGenerator(1)

        def call(self, x):
            return x * keras.random.uniform((), 1, 2, seed=self.generator)

    return scales(Subclass())
