"""Load a file of weights into the same model after a layer got another name, or in the subclass another attribute."""

import tempfile
from pathlib import Path

import keras
import numpy as np

x = np.ones((2, 4), "float32")


def make_class(attribute):
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            setattr(self, attribute, keras.layers.Dense(3))

        def call(self, x):
            return getattr(self, attribute)(x)

    return Subclass


def loaded(source, target):
    """Pass the weights on through a file and say whether the two models compute the same then."""
    source(x), target(x)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.weights.h5"
        source.save_weights(path)
        target.load_weights(path)
    first, second = (keras.ops.convert_to_numpy(model(x)) for model in (source, target))
    return "same output" if np.allclose(first, second) else "other output"


def sequential():
    return loaded(
        *(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name=name)]) for name in ("dense", "hidden"))
    )


def functional():
    inputs = keras.Input((4,))
    return loaded(*(keras.Model(inputs, keras.layers.Dense(3, name=name)(inputs)) for name in ("dense", "hidden")))


def subclassing():
    return loaded(*(make_class(attribute)() for attribute in ("dense", "hidden")))


def subclassing_named_after_l():
    return loaded(*(make_class(attribute)() for attribute in ("out", "top")))
