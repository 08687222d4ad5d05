"""Load a file of weights into the same model after two lines that construct its layers have changed places."""

import tempfile
from pathlib import Path

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


def make_class(first, second, swapped):
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            for attribute in (second, first) if swapped else (first, second):
                setattr(self, attribute, keras.layers.Dense(4))

        def call(self, x):
            return getattr(self, second)(getattr(self, first)(x))

    return Subclass


def make_from_inputs(swapped):
    if swapped:
        second = keras.layers.Dense(4)
        first = keras.layers.Dense(4)
    else:
        first = keras.layers.Dense(4)
        second = keras.layers.Dense(4)
    inputs = keras.Input((4,))
    return keras.Model(inputs, second(first(inputs)))


def loaded(source, target):
    """Pass the weights on through a file and say whether the two models compute the same then."""
    source(x), target(x)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        source.save_weights(path)
        target.load_weights(path)
    first, second = (keras.ops.convert_to_numpy(model(x)) for model in (source, target))
    return "same output" if np.allclose(first, second) else "other output"


def functional():
    return loaded(make_from_inputs(swapped=False), make_from_inputs(swapped=True))


def subclassing_named_before_l():
    return loaded(*(make_class("dense_a", "dense_b", swapped)() for swapped in (False, True)))


def subclassing_named_after_l():
    return loaded(*(make_class("project_a", "project_b", swapped)() for swapped in (False, True)))
