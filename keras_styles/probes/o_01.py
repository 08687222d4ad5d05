"""Let a model whose only output is in a list predict, and say of what type the prediction is."""

import keras
import numpy as np

x = np.ones((2, 3), "float32")


def type_of_prediction(model):
    return type(model.predict(x, verbose=0)).__name__


def functional():
    inputs = keras.Input((3,))
    return type_of_prediction(keras.Model(inputs, [keras.layers.Dense(1)(inputs)]))


def functional_in_dictionary():
    inputs = keras.Input((3,))
    return type_of_prediction(keras.Model(inputs, {"y": keras.layers.Dense(1)(inputs)}))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return [self.dense(x)]

    return type_of_prediction(Subclass())
