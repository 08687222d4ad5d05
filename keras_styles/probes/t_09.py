"""Call a model with a misspelled `training=True`."""

import keras
import numpy as np

x = np.ones((1, 100), dtype="float32")


def call_misspelled(model):
    """Say whether Dropout was in training."""
    outputs = keras.ops.convert_to_numpy(model(x, traning=True))
    return "training" if np.any(outputs == 0) else "inference"


def sequential():
    return call_misspelled(keras.Sequential([keras.Input((100,)), keras.layers.Dropout(0.5)]))


def functional():
    inputs = keras.Input((100,))
    return call_misspelled(keras.Model(inputs, keras.layers.Dropout(0.5)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dropout = keras.layers.Dropout(0.5)

        def call(self, x, training=None):
            return self.dropout(x, training=training)

    return call_misspelled(Subclass())
