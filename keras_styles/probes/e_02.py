"""Export a model that was built but never called."""

import tempfile

import keras


def exported(model):
    """Build the model and export it in the format that the engine has."""
    model.build((None, 3))
    with tempfile.TemporaryDirectory() as folder:
        if keras.config.backend() == "torch":
            model.export(f"{folder}/model.pt2", format="torch", verbose=False)
        else:
            model.export(folder, verbose=False)
    return "exported"


def sequential():
    return exported(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def sequential_deferred():
    return exported(keras.Sequential([keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return exported(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def build(self, input_shape):
            self.dense.build(input_shape)

    return exported(Subclass())
