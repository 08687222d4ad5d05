"""Add noise from `keras.random.normal` to the input, and call the model twice on the same data."""

import keras
import numpy as np

x = np.zeros((1, 3), dtype="float32")


def noise_of_two_calls(model):
    """Say whether the second call has the noise of the first."""
    first, second = (keras.ops.convert_to_numpy(model(x)) for _ in range(2))
    return "the same noise" if np.array_equal(first, second) else "new noise"


class Noise(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal((3,), seed=self.seed)


def sequential_with_layer():
    return noise_of_two_calls(keras.Sequential([keras.Input((3,)), Noise()]))


def functional():
    inputs = keras.Input((3,))
    return noise_of_two_calls(keras.Model(inputs, inputs + keras.random.normal((3,))))


def functional_with_layer():
    inputs = keras.Input((3,))
    return noise_of_two_calls(keras.Model(inputs, Noise()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def call(self, x):
            return x + keras.random.normal((3,))

    return noise_of_two_calls(Subclass())
