"""Call a model on sequences of seven steps, export it as a SavedModel, and serve a sequence of nine steps."""

import tempfile

import keras
import numpy as np


def served(model):
    """Say whether the exported model takes a longer sequence than the model was called on before the export."""
    model(np.ones((2, 7, 3), dtype="float32"))
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        serve = keras.layers.TFSMLayer(folder, call_endpoint="serve")
        serve(np.ones((2, 9, 3), dtype="float32"))
    return "served"


def sequential():
    return served(keras.Sequential([keras.Input((None, 3)), keras.layers.GlobalAveragePooling1D()]))


def sequential_deferred():
    return served(keras.Sequential([keras.layers.GlobalAveragePooling1D()]))


def functional():
    inputs = keras.Input((None, 3))
    return served(keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(inputs)))


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.average = keras.layers.GlobalAveragePooling1D()

    def call(self, x):
        return self.average(x)


def subclassing():
    return served(Subclass())


def subclassing_called_on_both():
    model = Subclass()
    model(np.ones((2, 9, 3), dtype="float32"))
    return served(model)
