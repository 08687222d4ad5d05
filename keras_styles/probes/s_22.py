"""Save and load a model that decides by its data whether a layer is applied."""

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


class Branch(keras.layers.Layer):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.dense = keras.layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x) if keras.ops.max(x) < 9 else x

    def compute_output_shape(self, input_shape):
        return input_shape


def sequential():
    return loaded(keras.Sequential([keras.Input((3,)), Branch()]), lambda model: model(x), Branch=Branch)


def functional():
    inputs = keras.Input((3,))
    return loaded(keras.Model(inputs, Branch()(inputs)), lambda model: model(x), Branch=Branch)


class Subclass(keras.Model):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x) if keras.ops.max(x) < 9 else x


def subclassing():
    return loaded(Subclass(), lambda model: model(x), Subclass=Subclass)


def subclassing_with_build():
    class Buildable(Subclass):
        def build(self, input_shape):
            self.dense.build(input_shape)

    return loaded(Buildable(), lambda model: model(x), Buildable=Buildable)
