"""Look up the first layer of a model of each style by its index."""

import keras


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def first(model):
    """Return the class of the layer with index 0."""
    return type(model.get_layer(index=0)).__name__


def sequential():
    return first(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]))


def functional():
    inputs = keras.Input((4,))
    return first(keras.Model(inputs, keras.layers.Dense(3)(inputs)))


def subclassing():
    return first(Subclass())
