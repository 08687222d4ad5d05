"""Save a model that has not been called yet, load it, and count the weights that came back."""

import tempfile

import keras


def weights_that_came_back(model, **custom_objects):
    """Save the model and load it; count its weights."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        return len(keras.saving.load_model(f"{folder}/model.keras", custom_objects=custom_objects).weights)


def sequential():
    return weights_that_came_back(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return weights_that_came_back(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return weights_that_came_back(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return weights_that_came_back(Subclass(), Subclass=Subclass)
