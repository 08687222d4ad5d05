"""Build a model of each style with `model.build((None, 4))` and count its weights."""

import keras


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


class SubclassWithBuild(Subclass):
    def build(self, input_shape):
        self.dense.build(input_shape)


def weights(model):
    """Build the model and return whether it says that it is built, and how many weights it has."""
    model.build((None, 4))
    return [model.built, len(model.weights)]


def sequential():
    return weights(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def sequential_deferred():
    return weights(keras.Sequential([keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return weights(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return weights(Subclass())


def subclassing_with_build():
    return weights(SubclassWithBuild())
