"""Add noise from `keras.random` to the inputs, and count how many different noises four samples get."""

import keras
import numpy as np

x = np.ones((4, 3), dtype="float32")


def noises(model):
    """Return how many different rows `predict` returns for four equal rows, one to a batch."""
    return len(np.unique(model.predict(x, batch_size=1, verbose=0), axis=0))


class Noise(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal((3,), seed=self.generator)


def sequential_own_layer():
    return noises(keras.Sequential([keras.Input((3,)), Noise()]))


def functional():
    inputs = keras.Input((3,))
    generator = keras.random.SeedGenerator(1)
    return noises(keras.Model(inputs, inputs + keras.random.normal((3,), seed=generator)))


def functional_own_layer():
    inputs = keras.Input((3,))
    return noises(keras.Model(inputs, Noise()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator = keras.random.SeedGenerator(1)

        def call(self, x):
            return x + keras.random.normal((3,), seed=self.generator)

    return noises(Subclass())


def subclassing_without_generator():
    class Subclass(keras.Model):
        def call(self, x):
            return x + keras.random.normal((3,))

    return noises(Subclass())
