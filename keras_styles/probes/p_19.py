"""Multiply by a `keras.Variable` of one's own, and train it."""

import keras
import numpy as np

x = np.ones((4, 3), dtype="float32")


def trained(model, variable):
    """Say whether `fit` changed the variable."""
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.fit(x, x[:, :1], verbose=0)
    return "trained" if np.any(keras.ops.convert_to_numpy(variable) != 1) else "not trained"


class Scale(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.factor = keras.Variable(np.ones(3, dtype="float32"))

    def call(self, x):
        return keras.ops.multiply(x, self.factor)


def sequential_with_layer():
    scale = Scale()
    return trained(keras.Sequential([keras.Input((3,)), scale, keras.layers.Dense(1)]), scale.factor)


def functional():
    factor = keras.Variable(np.ones(3, dtype="float32"))
    inputs = keras.Input((3,))
    return trained(keras.Model(inputs, keras.layers.Dense(1)(keras.ops.multiply(inputs, factor))), factor)


def functional_with_layer():
    scale = Scale()
    inputs = keras.Input((3,))
    return trained(keras.Model(inputs, keras.layers.Dense(1)(scale(inputs))), scale.factor)


def subclassing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.factor = keras.Variable(np.ones(3, dtype="float32"))
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(keras.ops.multiply(x, self.factor))

    model = Subclass()
    return trained(model, model.factor)
