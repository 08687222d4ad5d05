"""Save and load a class of one's own that makes a Functional model of itself in `__init__`."""

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
    inputs = keras.Input((3,))
    return loaded(keras.Model(inputs, keras.layers.Dense(1)(inputs)), lambda model: model(x))


class Regressor(keras.Model):
    def __init__(self):
        inputs = keras.Input((3,))
        super().__init__(inputs, keras.layers.Dense(1)(inputs))


def functional_in_init():
    return loaded(Regressor(), lambda model: model(x), Regressor=Regressor)


def functional_in_init_with_get_config():
    class WithConfig(Regressor):
        def get_config(self):
            return {}

    return loaded(WithConfig(), lambda model: model(x), WithConfig=WithConfig)
