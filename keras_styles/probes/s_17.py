"""Make a new model from `get_config`, and count its weights."""

import keras
import numpy as np

x = np.ones((2, 3), dtype="float32")


def weights_of_twin(model):
    """Call the model, make a new one from its config, and count the weights of that."""
    model(x)
    return len(type(model).from_config(model.get_config()).weights)


def sequential():
    return weights_of_twin(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))


def functional():
    inputs = keras.Input((3,))
    return weights_of_twin(keras.Model(inputs, keras.layers.Dense(1)(inputs)))


def sequential_deferred():
    return weights_of_twin(keras.Sequential([keras.layers.Dense(1)]))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self, **keywords):
            super().__init__(**keywords)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    return weights_of_twin(Subclass())
