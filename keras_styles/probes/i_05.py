"""Call a Dense layer's model on vectors first, then on sequences of such vectors."""

import keras
import numpy as np

vectors = np.ones((4, 2), "float32")
sequences = np.ones((4, 5, 2), "float32")


def shape_for_sequences(model):
    model(vectors)
    return list(model(sequences).shape)


def sequential():
    return shape_for_sequences(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return shape_for_sequences(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((2,))
    return shape_for_sequences(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    return shape_for_sequences(Subclass())
