"""Count the parameters of a model of each style before it has seen data."""

import keras


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def sequential():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).count_params()


def sequential_deferred():
    return keras.Sequential([keras.layers.Dense(3)]).count_params()


def functional():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs)).count_params()


def subclassing():
    return Subclass().count_params()
