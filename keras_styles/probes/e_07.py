"""Call a model on integer tokens, export it as a SavedModel, and serve integer tokens."""

import tempfile

import keras
import numpy as np

tokens = np.ones((2, 7), dtype="int32")


def served(model):
    """Say whether the exported model takes the very tokens that the model was called on."""
    model(tokens)
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        keras.layers.TFSMLayer(folder, call_endpoint="serve")(tokens)
    return "served"


def sequential():
    return served(keras.Sequential([keras.Input((7,), dtype="int32"), keras.layers.Embedding(5, 2)]))


def sequential_deferred():
    return served(keras.Sequential([keras.layers.Embedding(5, 2)]))


def functional():
    inputs = keras.Input((7,), dtype="int32")
    return served(keras.Model(inputs, keras.layers.Embedding(5, 2)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = keras.layers.Embedding(5, 2)

        def call(self, x):
            return self.embedding(x)

    return served(Subclass())
