"""Draw a mask with Dropout, save the model, load it, and see which mask comes next."""

import tempfile

import keras
import numpy as np

x = np.ones((1, 64), dtype="float32")


def next_mask(model, **custom_objects):
    """Say which mask the loaded model draws first."""
    first = keras.ops.convert_to_numpy(model(x, training=True))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        loaded = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects)
    second = keras.ops.convert_to_numpy(model(x, training=True))
    drawn = keras.ops.convert_to_numpy(loaded(x, training=True))
    if np.array_equal(drawn, second):
        return "the second"
    return "the first again" if np.array_equal(drawn, first) else "another"


def sequential():
    return next_mask(keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5, seed=3)]))


def functional():
    inputs = keras.Input((64,))
    return next_mask(keras.Model(inputs, keras.layers.Dropout(0.5, seed=3)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.dropout = keras.layers.Dropout(0.5, seed=3)

        def call(self, x, training=None):
            return self.dropout(x, training=training)

    return next_mask(Subclass(), Subclass=Subclass)
