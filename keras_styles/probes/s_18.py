"""Give a model its weights with `build` alone, save it and load it."""

import tempfile

import keras


def weights_that_came_back(model, **custom_objects):
    """Build the model, save and load it; count its weights."""
    model.build((None, 3))
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
