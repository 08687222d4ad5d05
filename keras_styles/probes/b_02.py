"""Count the weights of each style before the model has seen data."""

import keras


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def sequential():
    return len(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).weights)


def sequential_deferred():
    return len(keras.Sequential([keras.layers.Dense(3)]).weights)


def functional():
    inputs = keras.Input((4,))
    return len(keras.Model(inputs, keras.layers.Dense(3)(inputs)).weights)


def subclassing():
    return len(Subclass().weights)
