"""Build a fully convolutional model for images of 8 x 8, then call it on one of 12 x 12."""

import keras
import numpy as np

small = np.ones((1, 8, 8, 3), "float32")
large = np.ones((1, 12, 12, 3), "float32")


def shape_of_predictions(model):
    return list(model(large).shape)


def sequential():
    return shape_of_predictions(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 3, padding="same")]))


def sequential_deferred():
    model = keras.Sequential([keras.layers.Conv2D(1, 3, padding="same")])
    model(small)
    return shape_of_predictions(model)


def functional():
    inputs = keras.Input((8, 8, 3))
    return shape_of_predictions(keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(inputs)))


def functional_of_any_size():
    inputs = keras.Input((None, None, 3))
    return shape_of_predictions(keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.convolution = keras.layers.Conv2D(1, 3, padding="same")

        def call(self, x):
            return self.convolution(x)

    model = Subclass()
    model(small)
    return shape_of_predictions(model)
