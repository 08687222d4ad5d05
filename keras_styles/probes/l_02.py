"""Count the losses of a model with two regularizers before it has seen data."""

import keras


def count(model):
    return len(model.losses)


def layer():
    return keras.layers.Dense(1, kernel_regularizer="l2", bias_regularizer="l2")


def sequential():
    return count(keras.Sequential([keras.Input((3,)), layer()]))


def sequential_deferred():
    return count(keras.Sequential([layer()]))


def functional():
    inputs = keras.Input((3,))
    return count(keras.Model(inputs, layer()(inputs)))


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layer()

        def call(self, x):
            return self.dense(x)

    return count(Subclass())
