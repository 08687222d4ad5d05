"""Freeze a layer, save the model, load it, and count what is trainable then."""

import tempfile

import keras
import numpy as np


def trainable_when_loaded(model, **custom_objects):
    """Freeze the first layer, save the model and load it; count the weights that are trainable."""
    model(np.ones((2, 3), dtype="float32"))
    model.get_layer("hidden").trainable = False
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        return len(keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects).trainable_weights)


def sequential():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, name="hidden"), keras.layers.Dense(1, name="output")]
    )
    return trainable_when_loaded(model)


def functional():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, name="hidden")(inputs)
    return trainable_when_loaded(keras.Model(inputs, keras.layers.Dense(1, name="output")(hidden)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.hidden = keras.layers.Dense(4, name="hidden")
            self.out = keras.layers.Dense(1, name="output")

        def call(self, x):
            return self.out(self.hidden(x))

    return trainable_when_loaded(Subclass(), Subclass=Subclass)
