"""Save a model that was built under `mixed_float16`, and load it in a process without that policy."""

import tempfile

import keras
import numpy as np


def compute_dtype_when_loaded(build_model, **custom_objects):
    """Save a model in mixed precision, load it under float32, and return what its layer computes in."""
    keras.config.set_dtype_policy("mixed_float16")
    model = build_model()
    model(np.ones((2, 3), dtype="float32"))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        keras.config.set_dtype_policy("float32")
        model = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects)
    return model.get_layer("dense").compute_dtype


def sequential():
    return compute_dtype_when_loaded(lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="dense")]))


def functional():
    def build_model():
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(1, name="dense")(inputs))

    return compute_dtype_when_loaded(build_model)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.dense = keras.layers.Dense(1, name="dense")

        def call(self, x):
            return self.dense(x)

    return compute_dtype_when_loaded(Subclass, Subclass=Subclass)
