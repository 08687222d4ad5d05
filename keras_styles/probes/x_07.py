"""Make a layer that the model does not use, save the model and load it; count the weights that came back."""

import tempfile

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def weights_that_came_back(model, **custom_objects):
    """Save the model and load it; count its weights."""
    model(x)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        return len(keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects).weights)


def functional():
    keras.layers.Dense(4)
    inputs = keras.Input((3,))
    return weights_that_came_back(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.unused = keras.layers.Dense(4)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return weights_that_came_back(Subclass(), Subclass=Subclass)
