"""Save and load a model of two inputs, which the subclass takes as two arguments or as one list."""

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
    a, b = keras.Input((3,)), keras.Input((3,))
    outputs = keras.layers.Dense(1)(a) + keras.layers.Dense(1)(b)
    return loaded(keras.Model([a, b], outputs), lambda model: model([x, x]))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.first = keras.layers.Dense(1)
            self.second = keras.layers.Dense(1)

        def call(self, a, b):
            return self.first(a) + self.second(b)

    return loaded(Subclass(), lambda model: model(x, x), Subclass=Subclass)


def subclassing_list():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.first = keras.layers.Dense(1)
            self.second = keras.layers.Dense(1)

        def call(self, inputs):
            a, b = inputs
            return self.first(a) + self.second(b)

    return loaded(Subclass(), lambda model: model([x, x]), Subclass=Subclass)
