"""Save and load a model with an optional second input, which has a layer of its own."""

import tempfile

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def loaded(model, call, **custom_objects):
    """Call the model, save and load it, and call that; say whether the results are the same."""
    before = keras.ops.convert_to_numpy(call(model))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        model = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects)
    after = keras.ops.convert_to_numpy(call(model))
    return "loaded" if np.array_equal(before, after) else "other predictions"


def functional():
    a, b = keras.Input((3,)), keras.Input((3,), optional=True)
    outputs = keras.layers.Dense(1)(a) + keras.layers.Dense(1)(b)
    return loaded(keras.Model([a, b], outputs), lambda model: model([x, x]))


class Subclass(keras.Model):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.first = keras.layers.Dense(1)
        self.second = keras.layers.Dense(1)

    def call(self, a, b=None):
        return self.first(a) if b is None else self.first(a) + self.second(b)


def subclassing():
    return loaded(Subclass(), lambda model: model(x, b=x), Subclass=Subclass)


def subclassing_with_build_from_config():
    class Buildable(Subclass):
        def build_from_config(self, config):
            self(np.zeros((1, 3)), b=np.zeros((1, 3)))

    return loaded(Buildable(), lambda model: model(x, b=x), Buildable=Buildable)
