"""Call a convolution on images as they come from a file, of bytes."""

import keras
import numpy as np

images = np.full((2, 8, 8, 3), 255, "uint8")


def called(model):
    model(images)
    return "called"


def sequential():
    return called(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 3)]))


def sequential_deferred():
    return called(keras.Sequential([keras.layers.Conv2D(1, 3)]))


def functional():
    inputs = keras.Input((8, 8, 3))
    return called(keras.Model(inputs, keras.layers.Conv2D(1, 3)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.convolution = keras.layers.Conv2D(1, 3)

        def call(self, x):
            return self.convolution(x)

    return called(Subclass())
