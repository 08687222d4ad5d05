"""Copy the weights of a functional model to each style; one subclass declares its equal layers in another order."""

import keras
import numpy as np

x = np.linspace(0, 1, 8, dtype="float32").reshape(2, 4)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = keras.layers.Dense(4)
        self.second = keras.layers.Dense(4)

    def call(self, x):
        return self.second(self.first(x))


class OtherOrder(keras.Model):
    def __init__(self):
        super().__init__()
        self.second = keras.layers.Dense(4)
        self.first = keras.layers.Dense(4)

    def call(self, x):
        return self.second(self.first(x))


def made_from_layers():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Dense(4)(inputs)))


def copied(target):
    """Copy the weights and say whether the target computes the same then."""
    source = made_from_layers()
    target(x)
    target.set_weights(source.get_weights())
    first, second = (keras.ops.convert_to_numpy(model(x)) for model in (source, target))
    return "same output" if np.allclose(first, second) else "other output"


def sequential():
    return copied(keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)]))


def functional():
    return copied(made_from_layers())


def subclassing():
    return copied(Subclass())


def subclassing_in_other_order():
    return copied(OtherOrder())
