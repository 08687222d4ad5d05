"""Save and load a model with one argument of its own, without a `get_config`: as a layer in a model, and as a model."""

import tempfile

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def loaded(model, **custom_objects):
    """Save the model and load it; say whether what was loaded predicts the same."""
    before = keras.ops.convert_to_numpy(model(x))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        model = keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects)
    after = keras.ops.convert_to_numpy(model(x))
    return "loaded" if np.array_equal(before, after) else "other predictions"


class Scale(keras.layers.Layer):
    def __init__(self, factor, **keywords):
        super().__init__(**keywords)
        self.factor = factor

    def call(self, x):
        return self.factor * x


def sequential():
    return loaded(keras.Sequential([keras.Input((3,)), Scale(2)]), Scale=Scale)


def functional():
    inputs = keras.Input((3,))
    return loaded(keras.Model(inputs, Scale(2)(inputs)), Scale=Scale)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, factor, **keywords):
            super().__init__(**keywords)
            self.factor = factor

        def call(self, x):
            return self.factor * x

    return loaded(Subclass(2), Subclass=Subclass)


def subclassing_with_get_config():
    class Subclass(keras.Model):
        def __init__(self, factor, **keywords):
            super().__init__(**keywords)
            self.factor = factor

        def call(self, x):
            return self.factor * x

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    return loaded(Subclass(2), Subclass=Subclass)
