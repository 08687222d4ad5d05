"""Give a model that was built with a dictionary of inputs a list of them, in the order of the dictionary."""

import keras
import numpy as np

one, two = np.full((1, 1), 1, "float32"), np.full((1, 1), 2, "float32")


def first(model, x):
    return int(keras.ops.convert_to_numpy(model(x))[0, 0])


def functional():
    inputs = {name: keras.Input((1,), name=name) for name in ("a", "b")}
    return first(keras.Model(inputs, keras.layers.Identity()(inputs["a"])), [one, two])


def functional_unsorted():
    inputs = {name: keras.Input((1,), name=name) for name in ("b", "a")}
    return first(keras.Model(inputs, keras.layers.Identity()(inputs["b"])), [one, two])


def functional_from_list():
    inputs = [keras.Input((1,), name=name) for name in ("b", "a")]
    return first(keras.Model(inputs, keras.layers.Identity()(inputs[0])), [one, two])


def subclassing():
    class Subclass(keras.Model):
        def call(self, x):
            return x["b"] * 1

    return first(Subclass(), [one, two])
