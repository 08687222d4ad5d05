"""Recurse to a depth that the data decides, eagerly; in a Functional model directly and inside a layer of it."""

import keras
import numpy as np

x = np.full((1, 1), 5, dtype="float32")


def halved(x):
    """Halve until no number is above 1."""
    return halved(x / 2) if keras.ops.max(x) > 1 else x


def predicted(model):
    """Return what the model predicts when it is run eagerly."""
    model.compile(run_eagerly=True)
    return model.predict(x, verbose=0).item()


class Halved(keras.layers.Layer):
    def call(self, x):
        return halved(x)

    def compute_output_shape(self, input_shape):
        return input_shape


def sequential_with_layer():
    return predicted(keras.Sequential([keras.Input((1,)), Halved()]))


def functional():
    inputs = keras.Input((1,))
    return predicted(keras.Model(inputs, halved(inputs)))


def functional_with_layer():
    inputs = keras.Input((1,))
    return predicted(keras.Model(inputs, Halved()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def call(self, x):
            return halved(x)

    return predicted(Subclass())
