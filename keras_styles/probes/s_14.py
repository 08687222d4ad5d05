"""Quantize a model to int8, save it and load it."""

import tempfile

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def loaded(model, **custom_objects):
    """Quantize the model, save and load it; say whether what was loaded predicts the same."""
    model(x)
    model.quantize("int8")
    before = keras.ops.convert_to_numpy(model(x))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        model = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects)
    after = keras.ops.convert_to_numpy(model(x))
    return "loaded" if np.array_equal(before, after) else "other predictions"


def sequential():
    return loaded(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return loaded(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return loaded(Subclass(), Subclass=Subclass)
