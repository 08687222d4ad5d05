"""Build a model of each style, whose number of rows is open, for a batch of eight."""

import keras


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape)

    def call(self, x):
        return self.dense(x)


def built(model):
    """Build the model and say whether it is built."""
    model.build((8, 4))
    return model.built


def sequential():
    return built(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return built(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return built(Subclass())
